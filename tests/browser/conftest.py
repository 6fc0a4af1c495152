"""A browser, and the sites it looks at: the deployed stack where a test proves what the two say to each other, the
pretended service where it proves something of the page alone.

The browser is started once for this package and ended with it: Playwright's synchronous interface keeps an event
loop in the thread, in which no other test could run its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from infra import system_packages
from infra.ship import npm
from tests.browser.driver import Dashboard, Site, context_of
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


#: A test of the page and the service together.
on_the_stack = pytest.mark.parametrize("site", [pytest.param("deployed", marks=pytest.mark.stack)], indirect=True)


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """The pretended service, empty; the deployed one where the test is `on_the_stack`."""
    if getattr(request, "param", "pretended") == "pretended":
        return _site(request.getfixturevalue("pretended"))
    stack: Any = request.getfixturevalue("stack")
    return Site("deployed", stack.url, stack.default_token)


@pytest.fixture
def pretended_site(with_a_past: FakeServer) -> Site:
    return _site(with_a_past)


def _site(server: FakeServer) -> Site:
    return Site("pretended", server.url, TOKEN)


@pytest.fixture(scope="package")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests on the deployed service: it has the files of the page in its cache."""
    context = context_of(browser)
    yield context
    context.close()


@pytest.fixture
def open_tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """`open_tab(site, **options of a browser context)`; every tab must end without complaints."""
    tabs: list[Dashboard] = []

    def open_one(site: Site, **options: Any) -> Dashboard:
        shared = site.name == "deployed" and not options
        context = request.getfixturevalue("shared_context") if shared else context_of(browser, **options)
        tabs.append(Dashboard.in_context(context, site))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        if tab.site.name == "deployed":
            tab.page.evaluate("location.protocol.startsWith('http') && localStorage.clear()")
        for page in tab.page.context.pages:
            page.close()
        if tab.site.name == "pretended":
            tab.page.context.close()
    assert not [complaint for tab in tabs for complaint in tab.complaints]


@pytest.fixture
def tab(open_tab: Open, site: Site) -> Dashboard:
    """A tab on the test's service, signed out."""
    return open_tab(site)


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, installed from npm as package-lock.json pins it."""
    source = npm.installed(HERE) / "axe-core" / "axe.min.js"
    return source.read_text(encoding="utf-8")
