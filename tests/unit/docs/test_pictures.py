"""Each picture of the documentation is what its text says, and each text is shown on a page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parents[3] / "docs"
TEXTS = sorted((DOCS / "pictures").glob("*.txt"))


@pytest.fixture(scope="module")
def draw() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw", DOCS / "pictures" / "draw.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_a_picture_is_drawn_from_its_text(draw: ModuleType, file: Path) -> None:
    picture = draw.draw(file.read_text())
    assert (DOCS / "images" / f"{file.stem}.svg").read_text() == picture, "run docs/pictures/draw.py"
    ElementTree.fromstring(picture)


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_a_picture_is_shown_with_words_for_who_cannot_see_it(file: Path) -> None:
    title = file.read_text().splitlines()[0].lstrip("# ")
    shown = [page for page in DOCS.rglob("*.md") if f"![{title}]" in page.read_text() and file.stem in page.read_text()]
    assert shown, f"no page shows {file.stem}"
