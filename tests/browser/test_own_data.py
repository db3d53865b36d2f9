"""A stranger's messy file: uploaded, corrected, added, mended, and trained on."""

import re

from playwright.sync_api import Page, expect

from tests.helpers import messy_tables
from tests.helpers.browser_steps import (
    button,
    expect_no_overflow,
    visit,
    wait_for_points,
    wait_until_idle,
)
from tests.helpers.messy_tables import Row, Sins

MESSY = Sins(delimiter=";", encoding="cp1252", untidy_labels=True, split=True, index=True)


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a list."""
    wait_until_idle(page)
    field = page.get_by_role("combobox", name=label, exact=True)
    field.click()
    field.fill(option)
    page.keyboard.press("Enter")
    expect(field).to_have_value(option)
    wait_until_idle(page)


def test_a_messy_file_is_uploaded_corrected_mended_and_trained_on(page, server, tmp_path):
    rows = [
        *messy_tables.reviews(),
        Row("One and the same.", "pos"),
        Row("One and the same.", "neg"),
    ]
    file = messy_tables.write(tmp_path / "Letters.csv", rows, MESSY)
    visit(page, f"{server}/data")
    button(page, "Add your own").click()
    page.locator("input[type=file]").first.set_input_files(file)
    delimiter = page.get_by_role("combobox", name="Columns are separated by")
    expect(delimiter).to_have_value("semicolon (recognized)")
    choose(page, "Split", "None: a tenth is drawn for each part")
    page.get_by_role("textbox", name="Name").fill("Letters of June")
    button(page, "Add").click()

    expect(page.get_by_role("heading", name="What was found")).to_be_visible()
    expect(page).to_have_url(re.compile(r"dataset=Letters"))
    expect(page.get_by_text("were merged")).to_be_visible()
    expect(page.get_by_text("drawn by seed 0")).to_be_visible()
    expect_no_overflow(page)
    finding = page.get_by_text("stands under more than one label")
    expect(finding).to_be_visible()
    page.locator(".st-key-act_two-labels").get_by_role("button").click()
    expect(page.get_by_text("2 for text under two labels")).to_be_visible()
    expect(finding).to_have_count(0)

    wait_until_idle(page)
    button(page, "Train on it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Train")
    expect(page.get_by_role("combobox", name="Data")).to_have_value("Letters of June")
    page.get_by_role("spinbutton", name="Epochs").fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Quick")).not_to_be_checked()
    button(page, "Start").click()
    page.wait_for_url(re.compile(r"\?run="))
    wait_for_points(page, "loss")
