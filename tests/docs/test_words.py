"""What a user reads stays short. Tables of the reference are looked up, not read; the tutorial is walked through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.paths import ROOT

DOCS = ROOT / "docs"
#: What the project's own people read: apart from the rest, with a limit of its own.
INTERNALS = ("decisions", "performance.md", "scale.md", "security.md")
USERS_WORDS, INTERNAL_WORDS = 15_000, 11_500


_CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def words(page: Path) -> int:
    """A page's words, without its code, and without tables that are looked up."""
    text = _CODE.sub("", page.read_text("utf-8"))
    if page.parent.name == "reference" or page.name == "lifecycle.md":
        text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    return len(text.split())


def counted() -> tuple[dict[str, int], dict[str, int]]:
    """Words by page: for users, and internal."""
    pages = [page for page in DOCS.rglob("*.md") if "tutorial" not in page.parts and page.name != "licences.md"]
    internal = [page for page in pages if any(name in page.parts for name in INTERNALS)]
    users = [ROOT / "README.md", *(page for page in pages if page not in internal)]
    return tuple({str(page.relative_to(ROOT)): words(page) for page in some} for some in (users, internal))  # type: ignore[return-value]


@pytest.mark.parametrize(("which", "most"), [(0, USERS_WORDS), (1, INTERNAL_WORDS)])
def test_the_documentation_stays_short(which: int, most: int) -> None:
    pages = counted()[which]
    longest = sorted(pages.items(), key=lambda page: -page[1])[:8]
    assert sum(pages.values()) <= most, f"{sum(pages.values())} words; the longest pages: {longest}"


def test_a_recipe_is_a_page_that_one_takes_in_at_once() -> None:
    long = {"callbacks.md", "deploy.md", "first-deployment.md", "runbook.md", "node.md", "long-runs.md"}
    pages = {page.name: words(page) for page in (DOCS / "how-to").glob("*.md") if page.name not in long}
    assert {name: count for name, count in pages.items() if count > 300} == {}
