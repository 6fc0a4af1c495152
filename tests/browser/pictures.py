"""The pictures of the dashboard in the documentation: `python -m tests.browser.pictures` makes them again."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from infra import system_packages
from tests.browser.conftest import FLAGS
from tests.browser.driver import Dashboard, Site
from tests.browser.fake_api import TOKEN, seed, serve

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def list_of_runs(browser: Browser, site: Site) -> None:
    tab = Dashboard.in_browser(browser, site, viewport={"width": 1280, "height": 800})
    labels = {"team": "billing", "env": "prod"}
    site.start("sleep", {"seconds": 900}, "nightly-2026-11-23", labels=labels, retry={"max_attempts": 3})
    site.start("report", {"csv": "a\n1\n"}, "order-4711-later", delay_seconds=600)
    site.start("sleep", {"seconds": 9}, "import-customers", labels={"team": "search"})
    tab.sign_in()
    expect(tab.row("import-customers")).to_contain_text(re.compile(r"Running [4-9]\d"))
    tab.page.screenshot(path=IMAGES / "dashboard-runs.png")


def one_run(browser: Browser, site: Site) -> None:
    tab = Dashboard.in_browser(browser, site, color_scheme="dark", viewport={"width": 1280, "height": 800})
    given = {"message": "no such customer: 4711", "times": 9}
    labels = {"team": "billing", "env": "prod"}
    callback = {"url": "http://127.0.0.1:9999/hooks/once"}
    run_id = site.start("fail", given, "order-4711", labels=labels, callback=callback)
    tab.sign_in(f"#/runs/{run_id}")
    expect(tab.page.locator(".timeline")).to_contain_text("Callback pending")
    expect(tab.panel("Logs").get_by_role("listitem").first).to_be_visible()
    tab.page.screenshot(path=IMAGES / "dashboard-run.png")


def functions(browser: Browser, site: Site) -> None:
    tab = Dashboard.in_browser(browser, site, viewport={"width": 1280, "height": 560})
    site.call("POST", "/functions/crash/pause", json={"reason": "waiting for a fix"})
    tab.sign_in("#/functions")
    expect(tab.page.get_by_text("Paused", exact=True)).to_be_visible()
    tab.page.screenshot(path=IMAGES / "dashboard-functions.png")


def batch(browser: Browser, site: Site, batch_id: str) -> None:
    tab = Dashboard.in_browser(browser, site, viewport={"width": 1280, "height": 700})
    tab.sign_in(f"#/batches/{batch_id}")
    expect(tab.badge).to_have_text("Failed")
    tab.page.screenshot(path=IMAGES / "dashboard-batch.png")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = system_packages.browser()
    with serve() as server, sync_playwright() as playwright:
        seed(server.runs)
        site = Site("pretended", server.url, TOKEN)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        list_of_runs(browser, site)
        one_run(browser, site)
        functions(browser, site)
        inputs = [{"times": int(n % 9 == 4), "message": f"no such customer: {4700 + n}"} for n in range(40)]
        batch(browser, site, server.batches.start("fail", inputs, {"night": "2026-11-26"}))
        browser.close()


if __name__ == "__main__":
    main()
