"""The dashboard as a person sees it, driven in a real browser; and what a page may never do, collected meanwhile.

A `Site` is where it is served: the pretended service of `fake_api.py`, or a deployed stack. A `Dashboard` is one
tab on it, signed out. `complaints` holds what went wrong without being seen: policy violations, script errors.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

IMAGES = Path(__file__).parents[2] / ".local" / "screenshots"
_VIOLATIONS = """addEventListener("securitypolicyviolation",
  (event) => console.warn("policy violated:", event.violatedDirective, event.blockedURI, event.sample))"""

_SHOW = """(hash) => new Promise((shown) => {
  const main = document.getElementById("main"), left = main.firstElementChild, before = location.hash;
  const observer = new MutationObserver(() => main.firstElementChild !== left && (observer.disconnect(), shown()));
  observer.observe(main, { childList: true });
  location.hash = hash;
  if (location.hash === before) shown();
})"""


def context_of(browser: Browser, **options: Any) -> BrowserContext:
    """A browser without a past, in a window of a usual size unless told."""
    context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    context.set_default_timeout(20_000)
    context.set_default_navigation_timeout(60_000)  # each file of a first load is a cold call there
    return context


@dataclass(frozen=True, slots=True)
class Site:
    """Where the dashboard is served, and a token that may do everything there."""

    name: str
    url: str
    token: str

    def call(self, method: str, path: str, **more: Any) -> Any:
        """What the API answers, as JSON."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        answer = httpx.request(method, self.url + path, headers=headers, timeout=30, **more)
        assert answer.status_code < 400, f"{method} {path} answered {answer.status_code}: {answer.text[:200]}"
        return answer.json()

    def start(self, function: str, given: Any = None, key: str | None = None, **more: Any) -> str:
        """Start a run past the dashboard; its id."""
        headers = {"Idempotency-Key": f'"{key or uuid.uuid4().hex}"'}
        run = self.call("POST", "/runs", json={"function": function, "input": given} | more, headers=headers)
        return str(run["id"])


@dataclass(slots=True)
class Dashboard:
    """One tab."""

    site: Site
    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def in_context(cls, context: BrowserContext, site: Site) -> Dashboard:
        tab = cls(site, context.new_page())
        tab.page.add_init_script(_VIOLATIONS)
        tab.page.on("pageerror", lambda error: tab.complaints.append(f"script error: {error}"))
        tab.page.on("console", lambda message: tab._listen(message.type, message.text))
        return tab

    def _listen(self, kind: str, text: str) -> None:
        failed_call = text.startswith("Failed to load resource")  # a 401 or a cut line: the tests provoke them
        if kind in ("error", "warning") and not failed_call:
            self.complaints.append(f"{kind}: {text}")

    def open(self, hash_: str = "#/runs") -> None:
        """Load the page at a deep link, as somebody who has a token or has not."""
        self.page.goto(f"{self.site.url}/{hash_}")

    def sign_in(self, hash_: str = "#/runs") -> None:
        """Load the page at a deep link with the token in its storage, as in a tab that was signed in before."""
        key = f"invoke-once:token:{urlsplit(self.site.url).path}/"
        keep = f"sessionStorage.setItem({json.dumps(key)}, {json.dumps(self.site.token)})"
        self.page.add_init_script(f"if (location.protocol.startsWith('http')) {keep}")
        self.open(hash_)
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def type_token(self, hash_: str = "#/runs") -> None:
        """Load the page at a deep link and give it the token by hand."""
        self.open(hash_)
        self.page.get_by_label("API token").fill(self.site.token)
        self.page.get_by_role("button", name="Open the dashboard").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def show(self, hash_: str) -> None:
        """Follow a link inside the page, until the page that was there is left."""
        self.page.evaluate(_SHOW, hash_)

    def eventually(self, what: Callable[[], bool], seconds: int = 20) -> None:
        """`what` holds before the page's own clock, installed and stepped, has moved on by `seconds`."""
        for _ in range(seconds * 4):
            if what():
                return
            self.page.clock.run_for(250)
            self.page.wait_for_timeout(10)
        for _ in range(30):  # what was asked for in time, and a busy machine has not answered yet
            if what():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it did not happen in time")

    def heading(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)

    @property
    def badge(self) -> Locator:
        """The state on a run's page."""
        return self.page.locator(".badge")

    def panel(self, title: str) -> Locator:
        """A folding part of a run's page."""
        return self.page.locator("details.panel").filter(has=self.page.get_by_role("heading", name=title, exact=True))

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("table", name="Runs, newest first").locator("tbody tr")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def picture(self, name: str) -> None:
        """Keep what is seen in .local/screenshots/NAME.png, for people who ask for it by ONCE_SCREENSHOTS=1."""
        if os.environ.get("ONCE_SCREENSHOTS"):
            IMAGES.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=IMAGES / f"{name}-{self.site.name}.png")
