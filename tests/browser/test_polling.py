"""How the dashboard asks: politely, less when nobody looks, further back only when told."""

from __future__ import annotations

from playwright.sync_api import Request, expect

from tests.browser.conftest import Open
from tests.browser.driver import Dashboard, Site


def listings(tab: Dashboard) -> list[Request]:
    """The requests for the list of runs, as they are made."""
    seen: list[Request] = []
    tab.page.on("request", lambda request: seen.append(request) if "/runs?" in request.url else None)
    return seen


def hide(tab: Dashboard, hidden: bool) -> None:
    """What happens when a person goes to another tab, and comes back."""
    tab.page.evaluate(
        """(hidden) => { Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange")); }""",
        hidden,
    )


def test_an_unchanged_list_is_asked_for_by_its_etag_and_ever_less_often(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    seen = listings(tab)
    tab.eventually(lambda: len(seen) >= 2, 30)
    assert all("if-none-match" in request.headers for request in seen)
    answer = seen[0].response()
    assert answer is not None and answer.status == 304
    expect(tab.rows).to_have_count(50)


def test_nobody_is_asked_while_the_tab_is_hidden_and_at_once_when_it_is_back(
    open_tab: Open, pretended_site: Site
) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    hide(tab, True)
    seen = listings(tab)
    tab.page.clock.run_for(120_000)
    assert seen == []
    hide(tab, False)
    tab.eventually(lambda: len(seen) == 1, 1)


def test_updates_can_be_paused_by_hand(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    tab.page.get_by_role("button", name="Live").click()
    seen = listings(tab)
    tab.page.clock.run_for(60_000)
    assert seen == []
    tab.page.get_by_role("button", name="Paused").click()
    tab.eventually(lambda: bool(seen), 1)


def test_a_service_that_is_down_is_asked_less_and_less(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    tab.page.route("**/*", lambda route: route.abort())
    seen = listings(tab)
    for _ in range(120):  # two minutes, a second at a time
        tab.page.clock.run_for(1000)
    expect(tab.page.get_by_role("button", name="Ask now")).to_be_visible()
    assert 3 <= len(seen) <= 14
    asked = len(seen)
    tab.page.get_by_role("button", name="Ask now").click()  # while it is still down: else it may be back by itself
    tab.eventually(lambda: len(seen) > asked, 1)
    tab.page.unroute("**/*")
    tab.eventually(lambda: not tab.page.get_by_role("button", name="Ask now").is_visible(), 60)


def test_a_finished_run_is_not_asked_for_again(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    run_id = pretended_site.start("echo", 1)
    tab.sign_in(f"#/runs/{run_id}")
    tab.eventually(lambda: tab.badge.text_content() == "Succeeded")
    seen: list[str] = []
    tab.page.on("request", lambda request: seen.append(request.url) if request.url.endswith(run_id) else None)
    tab.page.clock.run_for(60_000)
    assert seen == []


def test_older_runs_are_loaded_by_the_cursor_and_stay_while_the_newest_are_refreshed(
    open_tab: Open, pretended_site: Site
) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.rows).to_have_count(50)
    tab.page.get_by_role("button", name="Load more").click()
    expect(tab.rows).to_have_count(70)
    expect(tab.page.get_by_role("button", name="Load more")).to_be_hidden()
    run_id = pretended_site.start("echo", 1)
    tab.eventually(tab.row(run_id[-4:]).is_visible)
    expect(tab.rows).to_have_count(71)


def test_offline_is_told_apart_from_a_service_that_is_down(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.clock.install()
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    offline = tab.page.get_by_role("alert").filter(has_text="You are offline")
    tab.page.context.set_offline(True)
    tab.eventually(offline.is_visible)
    tab.page.context.set_offline(False)
    tab.eventually(offline.is_hidden)
