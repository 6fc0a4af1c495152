"""A hook of mkdocs: links from a page to a file outside docs/ lead to that file in the repository.

A link to a file that does not exist stops the build.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
while not (ROOT / "mkdocs.yml").exists():
    ROOT = ROOT.parent
DOCS = ROOT / "docs"
_LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page's text with links out of docs/ made absolute. Raises FileNotFoundError for one that leads nowhere."""
    here = (DOCS / page.file.src_uri).parent

    def absolute(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(here / match[2]))
        if not match[2] or target.is_relative_to(DOCS):
            return match[0]
        if not target.exists():
            raise FileNotFoundError(f"{page.file.src_uri}: {match[2]} leads nowhere")
        kind = "tree" if target.is_dir() else "blob"
        return f"{match[1]}{config.repo_url.rstrip('/')}/{kind}/main/{target.relative_to(ROOT)}{match[3]}"

    return _LINK.sub(absolute, markdown)
