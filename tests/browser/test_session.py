"""Being signed in: a new tab, a link that signs in, signing out everywhere."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open, on_the_stack
from tests.browser.driver import Dashboard, Site
from tests.browser.fake_api import FakeServer


def beside(tab: Dashboard, hash_: str) -> Dashboard:
    """A second tab of the same browser, as a shared link opens it: with no opener, and nothing of the first one's."""
    other = Dashboard(tab.site, tab.page.context.new_page())
    other.open(hash_)
    return other


def test_a_new_tab_and_a_shared_link_are_signed_in_while_one_is(tab: Dashboard) -> None:
    run_id = tab.site.start("echo", 1)
    tab.type_token()
    other = beside(tab, f"#/runs/{run_id}")
    expect(other.badge).to_have_text("Succeeded")
    assert tab.site.token not in other.page.evaluate("Object.values(localStorage).join() + document.cookie")
    other.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_text("You signed out in another tab.")).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_label("API token")).to_be_visible()
    assert tab.page.evaluate("sessionStorage.length") == 0


@on_the_stack
def test_a_link_signs_in_once_and_leaves_the_address(tab: Dashboard) -> None:
    """The link's token is exchanged and gone, whoever finds the link later gets the prompt."""
    scopes = ["runs:read", "runs:write", "admin", "operator"]
    link = tab.site.call("POST", "/tokens", json={"scopes": scopes, "expires_in_seconds": 600})
    tab.open(f"#/sign-in/{link['token']}")
    tab.heading("Runs")
    expect(tab.page).to_have_url(re.compile(r"#/runs$"))
    kept = tab.page.evaluate("Object.values(sessionStorage)")
    assert len(kept) == 1
    assert kept[0] != link["token"]
    tokens = {each["id"]: each for each in tab.site.call("GET", "/tokens")["tokens"]}
    assert link["id"] not in tokens
    assert tokens[kept[0].split("_")[1]]["expires_at"] is not None
    tab.page.get_by_role("button", name="Sign out").click()
    tab.open(f"#/sign-in/{link['token']}")
    expect(tab.page.get_by_text("This link was used before")).to_be_visible()
    assert tab.page.evaluate("sessionStorage.length") == 0
    left = {each["id"] for each in tab.site.call("GET", "/tokens")["tokens"]}
    assert left <= set(tokens), "a refused link leaves no token behind"


def test_of_two_that_use_a_link_at_once_one_is_refused(
    open_tab: Open, pretended_site: Site, with_a_past: FakeServer
) -> None:
    """Both were given a token; who could not give the link's back gives its own back."""
    tab = open_tab(pretended_site)
    link = with_a_past.tokens.make(["runs:read", "admin"])
    tab.page.route(f"**/tokens/{link['id']}", lambda route: route.fulfill(status=404, body="{}"))
    tab.open(f"#/sign-in/{link['token']}")
    expect(tab.page.get_by_text("This link was used before")).to_be_visible()
    assert len(with_a_past.tokens.every()) == 2  # the tests' own and the link's


def test_a_link_works_on_this_machine_alone(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    page, here = "http://once.example/", f"{pretended_site.url}/"
    tab.page.route(
        f"{page}**",
        lambda route: route.fulfill(response=route.fetch(url=route.request.url.replace(page, here))),
    )
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.method))
    tab.page.goto(f"{page}#/sign-in/once_abcdefgh_secret")
    expect(tab.page.get_by_text("Sign-in links work for a service on this machine alone.")).to_be_visible()
    assert "POST" not in asked
    tab.complaints.clear()  # Chromium says that a host without TLS gets no opener policy
