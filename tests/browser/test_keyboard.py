"""The dashboard without a mouse."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.driver import Dashboard, Site


def press(tab: Dashboard, *keys: str) -> None:
    for key in keys:
        tab.page.keyboard.press(key)


def tab_to(tab: Dashboard, name: str, most: int = 60) -> None:
    """Press Tab until what is focused has this accessible text; every stop must show that it is focused."""
    for _ in range(most):
        press(tab, "Tab")
        text, outlined = tab.page.evaluate(
            """() => { const at = document.activeElement, style = getComputedStyle(at);
            return [at.getAttribute("aria-label") ?? at.textContent.trim(),
              style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || at === document.body]; }"""
        )
        assert outlined, f"nothing shows that {text!r} has the focus"
        if name in text:
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_a_run_is_started_and_cancelled_by_keys_alone(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.open()
    expect(tab.page.get_by_label("API token")).to_be_focused()
    tab.page.keyboard.type(pretended_site.token)
    press(tab, "Enter")
    expect(tab.page.get_by_role("heading", level=1)).to_be_focused()
    press(tab, "n")
    tab.heading("Start a run")
    tab_to(tab, "sleep")
    press(tab, "Enter")
    expect(tab.page.get_by_role("heading", name="sleep")).to_be_visible()
    tab.page.get_by_label("seconds").focus()
    tab.page.keyboard.type("30")
    press(tab, "Control+Enter")
    expect(tab.badge).to_have_text("Running")
    expect(tab.page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(tab, "Cancel run")
    press(tab, "Enter")
    expect(tab.page.get_by_role("dialog").get_by_role("button", name="Keep it going")).to_be_focused()
    press(tab, "Tab", "Enter")
    expect(tab.badge).to_have_text("Cancelled")


def test_escape_keeps_the_run_going_and_the_focus_where_it_was(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in(f"#/runs/{pretended_site.start('sleep', {'seconds': 30})}")
    expect(tab.badge).to_have_text("Running")
    tab.page.get_by_role("button", name="Cancel run").press("Enter")
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    press(tab, "Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(tab.page.get_by_role("button", name="Cancel run")).to_be_focused()
    expect(tab.badge).to_have_text("Running")


def test_arrows_and_letters_move_through_the_table(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in()
    links = tab.rows.locator("a.row-link")
    expect(links.first).to_be_visible()
    press(tab, "j", "j")  # from anywhere: nothing in the table has the focus yet
    expect(links.nth(1)).to_be_focused()
    press(tab, "ArrowDown", "k", "j")
    expect(links.nth(2)).to_be_focused()
    tab.page.get_by_role("heading", level=1).focus()
    press(tab, "j")
    expect(links.nth(2)).to_be_focused()  # where one was
    press(tab, "Enter")
    expect(tab.page.get_by_role("heading", name="Timeline")).to_be_visible()
    press(tab, "/")
    expect(tab.page.get_by_label("Search")).to_be_focused()  # from any page
    tab.page.get_by_role("heading", level=1).focus()
    press(tab, "b")
    tab.heading("Batches")
    press(tab, "f")
    function = tab.page.get_by_role("table", name="Functions").locator("a.row-link").first
    expect(function).to_be_visible()
    press(tab, "j")
    expect(function).to_be_focused()
    press(tab, "?")
    expect(tab.page.get_by_role("dialog")).to_contain_text("Search runs")


def test_the_focus_stays_on_a_row_while_newer_runs_come_in(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    link = tab.rows.first.locator("a.row-link")
    href = str(link.get_attribute("href"))
    link.focus()
    run_id = pretended_site.start("echo", 1)
    tab.eventually(tab.row(run_id[-4:]).is_visible)
    assert tab.page.evaluate("document.activeElement.hash") == href


def test_the_skip_link_leads_to_the_content_and_keeps_the_address(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in("#/start/echo")
    tab.page.get_by_role("link", name="Skip to the content").press("Enter")
    expect(tab.page.get_by_role("main")).to_be_focused()
    expect(tab.page).to_have_url(re.compile("#/start/echo$"))


def test_single_keys_can_be_switched_off_and_do_not_disturb_typing(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in()
    press(tab, "/")
    expect(tab.page.get_by_label("Search")).to_be_focused()
    tab.page.keyboard.type("nr?")
    expect(tab.page.get_by_label("Search")).to_have_value("nr?")
    tab.heading("Runs")
    tab.page.get_by_role("button", name="Keys").click()
    tab.page.get_by_label("Switch these off").check()
    press(tab, "Escape", "n")
    tab.heading("Runs")


def test_what_changes_is_said_aloud(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in(f"#/runs/{pretended_site.start('sleep', {'seconds': 1})}")
    expect(tab.page.locator("#announce")).to_have_text(re.compile("Run (running|succeeded)"))
    expect(tab.page.locator("#announce")).to_have_text("Run succeeded")
