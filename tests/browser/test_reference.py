"""`/docs`: the OpenAPI document as a page."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.browser.conftest import Open, on_the_stack
from tests.browser.driver import Dashboard, Site

METHODS = {"get", "post", "put", "patch", "delete"}


def open_reference(tab: Dashboard, anchor: str = "") -> None:
    tab.page.goto(f"{tab.site.url}/docs{anchor}")
    expect(tab.page.locator(".operation").first).to_be_visible()


@on_the_stack
def test_every_operation_of_the_document_is_shown(tab: Dashboard) -> None:
    document = httpx.get(f"{tab.site.url}/openapi.json").json()
    operations = [(path, method) for path, item in document["paths"].items() for method in METHODS & set(item)]
    open_reference(tab)
    tab.picture("reference")
    assert tab.page.locator(".operation").count() == len(operations)
    shown = tab.page.locator(".operation h3").all_inner_texts()
    for path, method in operations:
        assert any(path in text and method.upper() in text for text in shown), (method, path)
    text = tab.page.locator("main").inner_text()  # types and enums are told in words
    assert "list of ," not in text and "at least 1 items" not in text and "undefined" not in text


def test_operations_are_named_by_what_they_do_and_their_list_folds_on_a_phone(tab: Dashboard) -> None:
    open_reference(tab)
    listed = tab.page.get_by_role("navigation", name="Operations").get_by_role("link")
    expect(listed.filter(has_text="Cancel a run").first).to_be_visible()
    tab.page.set_viewport_size({"width": 400, "height": 800})
    expect(listed.first).not_to_be_visible()
    tab.page.get_by_text("Operations", exact=True).click()
    listed.filter(has_text="Cancel a run").first.click()
    expect(listed.first).not_to_be_visible()
    expect(tab.page.locator(".operation h3").filter(has_text="Cancel a run").first).to_be_in_viewport()


@on_the_stack
def test_a_call_is_tried_with_this_tabs_token(tab: Dashboard) -> None:
    open_reference(tab)
    tab.page.get_by_label("Token for Try it").fill(tab.site.token)
    tab.page.get_by_role("button", name="Keep in this tab").click()
    listing = tab.page.locator(".operation").filter(has=tab.page.locator("h3", has_text="GET/functions").first)
    listing.first.locator(".try > summary").click()
    listing.first.get_by_role("button", name="Send GET").click()
    expect(listing.first.locator(".answer")).to_contain_text("200")
    expect(listing.first.locator(".answer")).to_contain_text('"functions"')
    expect(listing.first.get_by_role("region", name="curl")).to_contain_text("Bearer $ONCE_TOKEN")
    assert tab.site.token not in tab.page.content()


def test_a_schema_that_holds_itself_unfolds_by_hand(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    open_reference(tab, "#getRun")
    card = tab.page.locator("#getRun")
    card.get_by_text("200", exact=False).first.click()
    for depth in range(3):
        card.get_by_text("Members of retry_of").nth(depth).click()
    expect(card.get_by_text("Members of retry_of")).to_have_count(4)


def test_the_curl_follows_what_is_filled_in(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    open_reference(tab)
    card = tab.page.locator("#startRun")
    card.locator(".try > summary").click()
    card.get_by_label("Idempotency-Key").fill('"it\'s"')
    card.get_by_label("Body, as JSON").fill('{"function": "echo"}')
    curl = card.get_by_role("region", name="curl")
    expect(curl).to_contain_text("""-H 'Idempotency-Key: "it'\\''s"'""")
    expect(curl).to_contain_text("""-d '{"function": "echo"}'""")
    assert pretended_site.token not in (curl.text_content() or "")


def test_the_dashboards_token_serves_here_too(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in()
    tab.page.get_by_role("navigation", name="Main").get_by_role("link", name="API").click()
    expect(tab.page.get_by_text("This tab holds a token")).to_be_visible()
    tab.page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs").click()
    tab.heading("Runs")
