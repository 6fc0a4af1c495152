"""A browser, and the sites it looks at: each scenario runs on the pretended service and on the deployed stack.

The browser is started once for this package and ended with it: Playwright's synchronous interface keeps an event
loop in the thread, in which no other test could run its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from infra import system_packages
from infra.ship import npm
from tests.browser.driver import Dashboard, Site
from tests.browser.fake_api import TOKEN, FakeServer, seed, serve

HERE = Path(__file__).parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=20_000)

Open = Callable[..., Dashboard]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"tab", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = system_packages.browser()
    assert path, "the dashboard's tests need a browser: install the system package chromium-headless-shell"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def pretended() -> Iterator[FakeServer]:
    """The pretended service, empty."""
    with serve() as server:
        yield server


@pytest.fixture
def with_a_past(pretended: FakeServer) -> FakeServer:
    """The pretended service with 70 runs of the last hours."""
    seed(pretended.runs)
    return pretended


@pytest.fixture(params=["pretended", pytest.param("deployed", marks=pytest.mark.stack)])
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the two services."""
    if request.param == "pretended":
        return _site(request.getfixturevalue("pretended"))
    stack: Any = request.getfixturevalue("stack")
    return Site("deployed", stack.url, stack.default_token)


@pytest.fixture
def pretended_site(with_a_past: FakeServer) -> Site:
    return _site(with_a_past)


def _site(server: FakeServer) -> Site:
    return Site("pretended", server.url, TOKEN)


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Open]:
    """`open_tab(site, **options of a browser context)`; every tab must end without complaints."""
    tabs: list[Dashboard] = []

    def open_one(site: Site, **options: Any) -> Dashboard:
        tabs.append(Dashboard.in_browser(browser, site, **options))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.page.context.close()
    assert not [complaint for tab in tabs for complaint in tab.complaints]


@pytest.fixture
def tab(open_tab: Open, site: Site) -> Dashboard:
    """A tab on each of the two services, signed out."""
    return open_tab(site)


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, installed from npm as package-lock.json pins it."""
    source = npm.installed(HERE) / "axe-core" / "axe.min.js"
    return source.read_text(encoding="utf-8")
