"""Phones, themes, reduced motion, and what screen readers get: every page by axe-core."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.driver import Dashboard, Site
from tests.browser.fake_api import FakeServer, seed

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DARK = {"color_scheme": "dark"}


def pages(site: Site, server: FakeServer) -> dict[str, str]:
    """Every kind of page: name → address behind the base URL."""
    batch = server.batches.start("fail", [{"times": n % 2} for n in range(4)], {"night": "2026-11-26"})
    site.call("POST", "/functions/report/pause", json={"reason": "the bank is down"})
    failed = next(run for run in site.call("GET", "/runs?limit=50")["runs"] if run["status"] == "failed")
    told = site.start("report", {"csv": "a\n1\n"}, callback={"url": "http://127.0.0.1:9/hook"})
    return {
        "runs": "#/runs",
        "filtered": "#/runs?status=expired",
        "failed": f"#/runs/{failed['id']}",
        "told": f"#/runs/{told}",
        "running": f"#/runs/{site.start('sleep', {'seconds': 60})}",
        "start": "#/start/report",
        "batches": "#/batches",
        "batch": f"#/batches/{batch}",
        "functions": "#/functions",
        "function": "#/functions/report",
        "tokens": "#/tokens",
        "start-json": "#/start/echo",
    }


def settled(tab: Dashboard) -> None:
    """What the page loads at first has come."""
    expect(tab.page.locator(".loading")).to_have_count(0)


def findings(tab: Dashboard, axe: str, rules: Sequence[str] = ()) -> list[str]:
    """What axe-core finds by all its rules or by these, as `impact rule: where`."""
    cdp = tab.page.context.new_cdp_session(tab.page)  # its evaluation is not the page's: no policy is bent
    cdp.send("Runtime.evaluate", {"expression": f"if (!globalThis.axe) {{ {axe} }}; 0"})
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    script = f"axe.run(document, {json.dumps(options)}).then((found) => JSON.stringify(found.violations))"
    answer = cdp.send("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True})
    found: list[dict[str, Any]] = json.loads(answer["result"]["value"])
    return [f"{each['impact']} {each['id']}: {[node['target'] for node in each['nodes'][:4]]}" for each in found]


@pytest.mark.parametrize("options", [{}, PHONE], ids=["window", "phone"])
def test_axe_finds_nothing_on_any_page(
    open_tab: Open, site: Site, pretended: FakeServer, axe: str, options: dict[str, Any]
) -> None:
    """In light and in dark, which differ in nothing but colours."""
    seed(pretended.runs, 24)
    tab = open_tab(site, reduced_motion="reduce", **options)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = findings(tab, axe) + ([] if tab.overflow() <= 0 else ["wider than the window"])
        if not options:
            tab.page.emulate_media(color_scheme="dark")
            found[f"{name}, dark"] = findings(tab, axe, ["color-contrast", "link-in-text-block"])
            tab.picture(f"dark-{name}")
            tab.page.emulate_media(color_scheme="light")
        tab.picture(f"{'phone' if options else 'light'}-{name}")

    tab.open()
    expect(tab.page.get_by_label("API token")).to_be_visible()  # a page that is still empty has no heading
    look("prompt")
    tab.type_token()
    for name, address in pages(site, pretended).items():
        tab.show(address)
        settled(tab)
        look(name)
    tab.page.goto(f"{site.url}/docs")
    expect(tab.page.locator(".operation").first).to_be_visible()
    look("docs")
    assert {name: each for name, each in found.items() if each} == {}


def test_axe_finds_nothing_in_a_dialog_a_refused_form_and_an_outage(
    open_tab: Open, pretended_site: Site, axe: str
) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in(f"#/runs/{pretended_site.start('sleep', {'seconds': 60})}")
    tab.page.get_by_role("button", name="Cancel run").click()
    found = findings(tab, axe)
    tab.page.keyboard.press("Escape")
    tab.show("#/start/sleep")
    tab.page.get_by_role("button", name="Start sleep").click()
    found += findings(tab, axe)
    tab.page.route("**/runs?*", lambda route: route.abort())
    tab.show("#/runs")
    expect(tab.page.get_by_role("alert").filter(has_text="Service down")).to_be_visible()
    assert found + findings(tab, axe) == []


def test_on_a_phone_filters_and_charts_unfold_and_buttons_are_large(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site, **PHONE)
    tab.sign_in()
    expect(tab.page.get_by_label("Status")).to_be_hidden()
    tab.page.get_by_role("button", name="Filters").tap()
    tab.page.get_by_label("Status").select_option("failed")
    expect(tab.rows.first).to_contain_text("Failed")
    tab.page.get_by_role("button", name="Charts").tap()
    expect(tab.page.get_by_role("figure")).to_have_count(2)
    small = tab.page.evaluate(
        """() => [...document.querySelectorAll("a, button, select, input")].filter((each) => each.checkVisibility())
        .map((each) => [each.textContent, each.getBoundingClientRect()])
        .filter(([, box]) => box.height < 16 || box.width < 16).map(([text]) => text)"""
    )
    assert small == []


def background(tab: Dashboard) -> int:
    """How light the page's background is, 0 to 255."""
    colour = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(colour.removeprefix("rgb(").split(",")[0])


def test_the_theme_is_the_systems_until_a_person_turns_it_and_then_stays(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site, **DARK)
    tab.sign_in()
    assert background(tab) < 60
    tab.page.get_by_role("button", name="Theme: as the system").click()
    assert background(tab) > 200
    tab.page.reload()
    tab.heading("Runs")
    assert background(tab) > 200
    tab.page.get_by_role("button", name="Theme: light").click()
    assert background(tab) < 60
    tab.page.emulate_media(color_scheme="light")
    assert background(tab) < 60
    tab.page.get_by_role("button", name="Theme: dark").click()
    assert background(tab) > 200


def test_reduced_motion_stands_still(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site, reduced_motion="reduce")
    tab.sign_in(f"#/runs/{pretended_site.start('sleep', {'seconds': 60})}")
    expect(tab.badge).to_have_text("Running")
    assert tab.page.evaluate("getComputedStyle(document.querySelector('.badge .spin')).animationName") == "none"


def test_the_charts_tell_their_data_in_words_and_as_tables(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    figure = tab.page.get_by_role("figure", name="Outcomes")
    label = str(figure.get_by_role("img").get_attribute("aria-label"))
    counted = sum(int(part) for part in label.replace(",", "").split() if part.isdigit())
    assert counted == tab.rows.count()
    for name in ("Outcomes", "Durations"):
        figure = tab.page.get_by_role("figure", name=name)
        figure.get_by_text("Show as a table").click()
        expect(figure.get_by_role("table").get_by_role("row").nth(1)).to_be_visible()
