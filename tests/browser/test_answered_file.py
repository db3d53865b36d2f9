"""A stranger's file on Predict: uploaded, answered, downloaded; resumed after a restart, cancelled."""

import json

import pandas as pd
from playwright.sync_api import expect

from tests.browser.conftest import serve
from tests.helpers import messy_tables
from tests.helpers.browser_steps import button, expect_no_overflow, visit, wait_until_idle
from tests.helpers.messy_tables import Sins

MESSY = Sins(delimiter=";", encoding="cp1252", index=True)


def open_form(page, address):
    visit(page, f"{address}/predict")
    page.get_by_text("A file of texts", exact=True).click()


def downloaded(page, name, folder):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def test_a_messy_file_is_uploaded_answered_and_downloaded(page, server, tmp_path):
    rows = messy_tables.reviews()
    file = messy_tables.write(tmp_path / "Letters.csv", rows, MESSY)
    open_form(page, server)
    page.locator("input[type=file]").set_input_files(file)
    column = page.get_by_role("combobox", name="Column of the texts")
    expect(column).to_have_value("review")
    button(page, "Answer all rows").click()

    expect(page.get_by_text("rows have an answer.")).to_be_visible()
    expect(page.get_by_text("Letters.csv").last).to_be_visible()
    expect_no_overflow(page)
    parquet = pd.read_parquet(downloaded(page, "Parquet,", tmp_path))
    csv = pd.read_csv(downloaded(page, "CSV,", tmp_path))
    assert (
        list(parquet)
        == list(csv)
        == [
            "row",
            "text",
            "label",
            "probability_negative",
            "probability_positive",
            "unknown",
        ]
    )
    assert parquet["text"].tolist() == [row.text for row in rows]
    page.get_by_text("least sure answers").click()
    wait_until_idle(page)
    button(page, "Delete").click()
    expect(page.get_by_text("rows have an answer.")).to_have_count(0)


def test_a_file_that_is_no_table_is_told_in_a_sentence(page, server, tmp_path):
    file = tmp_path / "picture.csv"
    file.write_bytes(bytes(range(256)) * 40)
    open_form(page, server)
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_test_id("stAlert")).to_be_visible()
    expect(page.get_by_role("button", name="Answer all rows")).to_have_count(0)


def test_a_long_file_goes_on_after_the_server_has_ended_and_is_cancelled(page, tmp_path):
    """200,000 rows, far more than are answered while the page is looked at."""
    file = tmp_path / "long.jsonl"
    with file.open("w") as out:
        for row in range(200_000):
            out.write(json.dumps({"text": f"a warm and funny film, number {row}"}) + "\n")
    home = tmp_path / "home"
    home.mkdir()
    with serve(home) as address:
        open_form(page, address)
        page.locator("input[type=file]").set_input_files(file)
        button(page, "Answer all rows").click()
        expect(page.get_by_text("Predicting: ")).to_be_visible()
        # A part is on disk.
        expect(page.get_by_text(r"of 200,000 texts")).to_be_visible()
        page.wait_for_function(
            """() => [...document.querySelectorAll('p')].some(p => {
                const found = p.textContent.match(/Predicting: ([\\d,]+) of/);
                return found && Number(found[1].replaceAll(',', '')) > 4096;
            })"""
        )
        page.goto("about:blank")  # nobody looks on when the server ends
    with serve(home) as address:
        visit(page, f"{address}/predict")
        expect(page.get_by_text("long.jsonl")).to_be_visible()
        button(page, "Go on").click()
        expect(page.get_by_text("Predicting: ")).to_be_visible()
        [parts] = home.glob("answers/*/*.parts")
        kept = {part.name: part.stat().st_mtime_ns for part in parts.glob("*.parquet")}
        assert kept
        button(page, "Cancel").click()
        expect(page.get_by_text("Not complete")).to_be_visible()
        button(page, "Delete").click()
        expect(page.get_by_text("long.jsonl")).to_have_count(0)
        assert not list(home.glob("answers/*"))
        page.goto("about:blank")
