"""Who sees what: tokens, links, and a service that does not answer."""

from __future__ import annotations

import uuid

from playwright.sync_api import expect

from tests.browser.conftest import on_the_stack
from tests.browser.driver import Dashboard


@on_the_stack
def test_a_wrong_token_is_refused_in_words_and_the_right_one_opens_the_runs(tab: Dashboard) -> None:
    tab.open("#/runs?status=failed")
    tab.page.get_by_label("API token").fill("once_wrong_token")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("alert").filter(has_text="does not know this token")).to_be_visible()
    tab.page.get_by_label("API token").fill(tab.site.token)
    tab.page.keyboard.press("Enter")
    tab.heading("Runs")
    expect(tab.page.get_by_label("Status")).to_have_value("failed")


def test_the_token_is_kept_in_session_storage_only_and_never_in_an_address(tab: Dashboard) -> None:
    seen: list[str] = []
    tab.page.on("request", lambda request: seen.append(request.url))
    tab.type_token()
    tab.heading("Runs")
    assert tab.site.token not in tab.page.url + "".join(seen)
    assert tab.site.token in tab.page.evaluate("Object.values(sessionStorage)")
    assert tab.site.token not in tab.page.evaluate("Object.values(localStorage).join() + document.cookie")
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_label("API token")).to_be_visible()
    assert tab.page.evaluate("sessionStorage.length") == 0


@on_the_stack
def test_a_link_opens_a_run_s_page_alone(tab: Dashboard) -> None:
    run_id = tab.site.start("echo", {"shared": True})
    made = tab.site.call("POST", f"/runs/{run_id}/links", json={"expires_in_seconds": 600})
    refused: list[str] = []
    tab.page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    tab.page.goto(made["url"])
    tab.heading("echo")
    expect(tab.badge).to_have_text("Succeeded")
    expect(tab.panel("Output")).to_contain_text("shared")
    for name in ("Sign out", "Cancel run", "Retry", "Copy as curl"):
        expect(tab.page.get_by_role("button", name=name)).to_be_hidden()
    expect(tab.page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(tab.page.get_by_role("link", name="Runs", exact=True)).to_have_count(0)
    expect(tab.page.get_by_role("heading", name="Logs")).to_have_count(0)
    assert tab.page.evaluate("sessionStorage.length") == 0
    tab.page.keyboard.press("n")
    tab.heading("echo")
    assert refused == []
    tab.show(f"#/runs/{run_id}?link=oncelink_{'A' * 80}")
    expect(tab.page.get_by_role("alert").filter(has_text="This link opens the run no more")).to_be_visible()


def test_a_service_that_goes_down_is_announced_and_everything_comes_back_by_itself(tab: Dashboard) -> None:
    key = f"down-{uuid.uuid4().hex[:8]}"
    tab.site.start("echo", 1, key=key)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.row(key)).to_be_visible()
    down = tab.page.get_by_role("alert").filter(has_text="Service down")
    tab.page.route("**/runs?*", lambda route: route.abort("connectionrefused"))
    tab.eventually(down.is_visible)
    expect(tab.row(key)).to_be_visible()
    tab.picture("service-down")
    tab.page.unroute("**/runs?*")
    tab.eventually(down.is_hidden, 60)


def test_a_service_that_is_down_from_the_start_says_so_and_is_asked_again(tab: Dashboard) -> None:
    tab.open()
    tab.page.route("**/runs?*", lambda route: route.fulfill(status=503, body="{}"))
    tab.page.get_by_label("API token").fill(tab.site.token)
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_text("The service does not answer, so the token could not be checked")).to_be_visible()
    tab.page.unroute("**/runs?*")
    tab.page.keyboard.press("Enter")
    tab.heading("Runs")


def test_a_token_that_is_revoked_meanwhile_brings_the_prompt_back(tab: Dashboard) -> None:
    tab.page.clock.install()
    tab.type_token()
    problem = '{"type": "urn:invoke-once:unauthorized", "title": "Unauthorized", "status": 401}'
    tab.page.route("**/runs?*", lambda route: route.fulfill(status=401, body=problem))
    tab.eventually(tab.page.get_by_text("no longer accepts this token").is_visible)
    expect(tab.page.get_by_label("API token")).to_be_focused()
    assert tab.page.evaluate("sessionStorage.length") == 0
