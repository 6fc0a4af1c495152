"""The form that starts a run: what it fills in, sends, remembers and refuses."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import on_the_stack
from tests.browser.driver import Dashboard


@on_the_stack
def test_what_the_service_refuses_is_shown_beside_the_field_that_is_wrong(tab: Dashboard) -> None:
    tab.sign_in("#/start/sleep")
    tab.page.get_by_role("button", name="Start sleep").click()
    expect(tab.page.get_by_label("seconds")).to_be_focused()
    tab.page.get_by_label("seconds").fill("-1")
    tab.page.get_by_role("button", name="Start sleep").click()
    field = tab.page.get_by_label("seconds")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(tab.page.locator(".field").filter(has=field).locator(".field-error")).not_to_be_empty()
    tab.page.get_by_text("Options").click()
    tab.page.get_by_label("Callback URL").fill("ftp://example.com")
    field.fill("0")
    tab.page.get_by_role("button", name="Start sleep").click()
    expect(tab.page.get_by_label("Callback URL")).to_have_attribute("aria-invalid", "true")


@on_the_stack
def test_json_is_sent_and_shown_with_the_digits_that_were_typed(tab: Dashboard) -> None:
    tab.sign_in("#/start/echo")
    tab.page.get_by_label("Input, as JSON").fill('{"big": 9007199254740993, "exact": 1.10}')
    tab.page.keyboard.press("Control+Enter")
    expect(tab.badge).to_have_text("Succeeded")
    expect(tab.panel("Output").get_by_role("region")).to_contain_text("9007199254740993")
    expect(tab.panel("Input").get_by_role("region")).to_contain_text("1.10")


def test_broken_json_is_pointed_out_and_not_sent(tab: Dashboard) -> None:
    tab.sign_in("#/start/echo")
    tab.page.get_by_label("Input, as JSON").fill('{"a": 1,\n  "b": }')
    tab.page.get_by_role("button", name="Start echo").click()
    expect(tab.page.get_by_text("This is not JSON yet: line 2, column 8: expected a value.")).to_be_visible()
    tab.heading("Start a run")


def test_a_copy_of_a_run_starts_with_its_input(tab: Dashboard) -> None:
    run_id = tab.site.start("sleep", {"seconds": 0.5})
    tab.sign_in(f"#/runs/{run_id}")
    tab.page.get_by_role("link", name="Start a copy").click()
    expect(tab.page.get_by_label("seconds")).to_have_value("0.5")
    tab.page.get_by_role("button", name="Start sleep").click()
    expect(tab.badge).to_have_text("Succeeded")
    assert run_id not in tab.page.url


@on_the_stack
def test_a_key_that_was_used_before_leads_to_its_run_and_says_so(tab: Dashboard) -> None:
    key = f"twice-{uuid.uuid4().hex[:8]}"
    run_id = tab.site.start("sleep", {"seconds": 0}, key=key)
    tab.sign_in("#/start/sleep")
    tab.page.get_by_label("seconds").fill("0")
    tab.page.get_by_text("Options").click()
    tab.page.get_by_label("Idempotency key").fill(key)
    tab.page.get_by_role("button", name="Start sleep").click()
    expect(tab.page.get_by_text("This key already had a run")).to_be_visible()
    assert run_id in tab.page.url


def test_the_form_fills_in_the_schemas_example_takes_a_file_and_remembers_the_last_input(
    tab: Dashboard, tmp_path: Path
) -> None:
    tab.sign_in("#/start/report")
    csv = tab.page.get_by_role("textbox", name=re.compile("^csv"))
    assert csv.evaluate("(field) => field.tagName + field.rows") == "TEXTAREA6"
    tab.page.get_by_role("button", name="Fill in an example").click()
    expect(csv).to_have_value("city,people\nBern,134000\nBasel,178000\nChur,39000\n")
    (tmp_path / "rows.csv").write_text("day,orders\nmonday,12\n")
    tab.page.get_by_label("Fill from a file").set_input_files(tmp_path / "rows.csv")
    expect(csv).to_have_value("day,orders\nmonday,12\n")
    tab.page.get_by_role("button", name="Edit as JSON").click()
    assert json.loads(tab.page.get_by_label("Input, as JSON").input_value()) == {"csv": "day,orders\nmonday,12\n"}
    tab.page.get_by_role("button", name="Start report").click()
    expect(tab.badge).to_have_text("Succeeded")
    tab.show("#/start/report")
    expect(csv).to_have_value("day,orders\nmonday,12\n")
