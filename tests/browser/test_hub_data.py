"""A dataset of the Hugging Face Hub, added by its name on the Data page."""

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import serve
from tests.helpers.browser_steps import button, expect_no_overflow, visit, wait_until_idle
from tests.helpers.hub_server import HubServer

NAME = "someone/aspects"


@pytest.fixture(scope="module")
def server(server_home, tmp_path_factory):
    """A dashboard whose Hub has a dataset of texts with any number of labels."""
    texts = [f"text number {number} of the set" for number in range(90)]
    labels = [["acting", "plot"][: number % 3] for number in range(90)]
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "aspects": labels}), file)
    with HubServer() as hub:
        files = {"default/train/0000.parquet": file.getvalue()}
        hub.publish(f"datasets/{NAME}", files, branch="refs/convert/parquet")
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path_factory.mktemp("hf"))}
        with serve(server_home, HF_HUB_OFFLINE="0", **environment) as address:
            yield address


def test_a_dataset_of_the_hub_is_found_mapped_and_added(page, server):
    visit(page, f"{server}/data?add=texts")
    page.get_by_role("radio", name="Path or Hub").click()
    name = page.get_by_role("textbox", name="Path or name")
    name.fill("someone/else")
    name.press("Enter")
    expect(
        page.get_by_text(re.compile("has no dataset someone/else, or it is private"))
    ).to_be_visible()
    name.fill(NAME)
    name.press("Enter")
    expect(page.get_by_role("combobox", name="Label")).to_have_value("aspects")
    wait_until_idle(page)
    page.get_by_text(re.compile("^More: files of validation")).click()
    keep = page.get_by_text(re.compile("^Keep labels apart"))
    keep.click()
    wait_until_idle(page)
    expect(keep).to_be_visible()  # what was opened stays open
    keep.click()
    wait_until_idle(page)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("aspects")
    button(page, "Add").click()
    expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    expect(page.get_by_text(f"{NAME} on the Hugging Face Hub")).to_be_visible()
    expect(page).to_have_url(re.compile("dataset=aspects"))
    expect_no_overflow(page)
