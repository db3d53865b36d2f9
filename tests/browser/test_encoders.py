"""An encoder in the browser: offered, added from a folder, trained, asked, compared."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import serve
from tests.helpers import small_encoders
from tests.helpers.browser_steps import (
    TRAINING_TIMEOUT,
    button,
    expect_no_overflow,
    visit,
    wait_for_points,
    wait_until_idle,
)
from tests.helpers.hub_server import HubServer

OFFERED = "sentence-transformers/all-MiniLM-L6-v2"
TABS = ("Watched sentences", "Where they disagree", "What moved", "What it sees", "What it forgot")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The folder of an encoder with 12 small layers."""
    folder = tmp_path_factory.mktemp("encoder") / "twelve"
    sizes = {"num_hidden_layers": 12, "max_position_embeddings": 256}
    return small_encoders.write_folder(folder, **sizes)


@pytest.fixture(scope="module")
def server(server_home, encoder, tmp_path_factory):
    """A dashboard whose Hub has the encoder that is offered first."""
    with HubServer() as hub:
        hub.publish(OFFERED, encoder, license="apache-2.0")
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path_factory.mktemp("hf"))}
        with serve(server_home, HF_HUB_OFFLINE="0", **environment) as address:
            yield address


def test_the_offered_encoder_is_chosen_and_its_twelve_layers_are_clicked_on_a_phone(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/train")
    page.get_by_role("button", name=re.compile("Download and use$")).click()
    expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value("all-MiniLM-L6-v2")
    expect(page.get_by_text(re.compile("Download and use"))).to_have_count(0)
    expect_no_overflow(page)
    layers = [button(page, f"Layer {number} trains") for number in range(12, 0, -1)]
    boxes = [layer.bounding_box() for layer in layers]
    assert all(box["height"] >= 24 and box["x"] + box["width"] <= 390 for box in boxes)
    layers[9].click()
    frozen = button(page, "Layer 3 frozen")
    expect(frozen).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    assert frozen.bounding_box()["height"] == boxes[9]["height"]


def test_an_encoder_of_a_folder_is_trained_asked_and_compared(page, server, tmp_path):
    folder = small_encoders.write_folder(tmp_path / "three", max_position_embeddings=256)
    visit(page, f"{server}/checkpoints")
    page.get_by_role("tab", name="Add an encoder").click()
    page.get_by_text("Another, or a folder").click()
    page.get_by_label("Name on the Hub, or folder").fill(str(folder))
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("Get it$")).click()
    expect(page.get_by_text("Imported as three.")).to_be_visible()

    page.goto(f"{server}/train")
    page.get_by_role("combobox", name="Checkpoint").click()
    page.get_by_role("option", name="three").click()
    texts = page.get_by_role("spinbutton", name="Training texts")
    texts.fill("200")
    texts.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^Layer 3 .* trains$"))).to_be_visible()
    wait_until_idle(page)
    button(page, "Start").click()
    wait_for_points(page, "loss")
    button(page, "Try it").click(timeout=TRAINING_TIMEOUT)
    text = page.get_by_label("Text", exact=True)
    text.fill("a great film, not awfully bad")
    text.press("Control+Enter")
    page.get_by_text("Why", exact=True).click()
    words = page.get_by_test_id("stHtml").last
    expect(words).to_contain_text("awfully")  # of two pieces
    expect(words).not_to_contain_text("##")

    page.goto(f"{server}/compare")
    page.get_by_role("combobox", name="Checkpoint").click()
    page.get_by_role("option", name="three").click()
    for mode in ("Gradual", "From scratch"):
        page.get_by_role("button", name=mode).click()
    for name, value in (("Epochs", "1"), ("Training texts", "200")):
        box = page.get_by_role("spinbutton", name=name)
        box.fill(value)
        box.press("Enter")
    expect(page.get_by_text("5 runs, 3 of them")).to_be_visible()
    button(page, "Run the experiment").click()
    expect(page.locator(".uf-verdict h2")).to_contain_text("texts", timeout=TRAINING_TIMEOUT)
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        wait_until_idle(page)
        expect(page.get_by_role("tabpanel").last).not_to_be_empty()
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
