"""The dashboard's files: what they weigh, what they may not contain, and how they are served."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from chalicelib import web
from chalicelib.web import assets
from tests.browser.conftest import Open
from tests.browser.driver import Dashboard, Site

HERE = Path(web.__file__).parent
FILES = {path.name: path for path in HERE.rglob("*.*") if path.suffix in (".js", ".css", ".svg", ".html")}
SCRIPTS = sorted(path for name, path in FILES.items() if name.endswith(".js"))
PAGES = sorted(path for name, path in FILES.items() if name.endswith(".html"))
FIRST_LOAD_BYTES = 110_000
ALL_BYTES = 210_000
WEIGH = """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
  .filter((entry) => entry.entryType === "navigation" || entry.name.includes("/assets/"))
  .map((entry) => [entry.entryType === "navigation" ? "page" : entry.name.split("/").pop(), entry.decodedBodySize])"""


def weight(tab: Dashboard) -> dict[str, int]:
    return {name: int(size) for name, size in tab.page.evaluate(WEIGH)}


def test_the_first_load_is_light(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in()
    expect(tab.rows.first).to_be_visible()
    files = weight(tab)
    assert {"page", "app.js", "app.css", "views.css", "runs-table.js"} <= set(files)
    assert min(files.values()) > 0
    assert sum(files.values()) < FIRST_LOAD_BYTES, files
    assert "view-run.js" not in files  # loaded when it is wanted


def test_all_views_together_are_light(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in("#/start/report")
    tab.show(f"#/runs/{pretended_site.start('echo', 1)}")
    expect(tab.page.get_by_role("heading", name="Timeline")).to_be_visible()
    for place in ("batches", "functions", "functions/report", "tokens"):
        tab.show(f"#/{place}")
        expect(tab.page.locator(".loading")).to_have_count(0)
    assert sum(weight(tab).values()) < ALL_BYTES


def test_the_reference_is_light(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.page.goto(f"{pretended_site.url}/docs")
    expect(tab.page.locator(".operation").first).to_be_visible()
    files = weight(tab)
    assert sum(files.values()) < 100_000, files


def test_scripts_make_no_html_from_strings_and_run_no_strings() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment"
    )
    assert [path.name for path in SCRIPTS if forbidden.search(path.read_text())] == []


def test_pages_have_no_inline_code_and_nothing_from_other_hosts() -> None:
    for path in PAGES:
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), path.name
        assert not re.search(r"""(?:src|href)=["'](?:https?:|//|/)""", text), path.name
    styles = "".join(path.read_text() for name, path in FILES.items() if name.endswith(".css"))
    assert "url(" not in styles and "@import" not in styles


def imports(name: str, known: set[str] | None = None) -> set[str]:
    """The modules that a module loads before it runs."""
    known = set() if known is None else known
    for found in re.findall(r'^import [^;]*?"\./([\w-]+\.js)";', FILES[name].read_text(), re.MULTILINE):
        if found not in known:
            known.add(found)
            imports(found, known)
    return known


def test_the_page_asks_at_once_for_every_module_of_the_first_view() -> None:
    preloaded = set(re.findall(r'modulepreload" href="assets/([\w-]+\.js)"', FILES["index.html"].read_text()))
    assert preloaded == imports("app.js")


def test_modules_are_short() -> None:
    assert [path.name for path in SCRIPTS if len(path.read_text().splitlines()) >= 300] == []


def test_every_file_has_its_type_and_a_tag_that_answers_304(pretended_site: Site) -> None:
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    with httpx.Client(base_url=f"{pretended_site.url}/assets/") as client:
        for path in [*SCRIPTS, FILES["app.css"], FILES["docs.css"], FILES["icon.svg"]]:
            answer = client.get(path.name)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(types[path.suffix])
            again = client.get(path.name, headers={"If-None-Match": f"W/{answer.headers['etag']}"})
            assert (again.status_code, again.content) == (304, b"")


def test_names_are_unique_over_all_folders() -> None:
    assert len(FILES) == len([path for path in HERE.rglob("*.*") if path.suffix in (".js", ".css", ".svg", ".html")])
    assert set(FILES) == set(assets.files())


@pytest.mark.parametrize(
    "name",
    [
        "assets.py",
        "index.html",
        "../app.py",
        "..%2fassets.py",
        "frame/app.js",
        "",
        ".",
        "nope.js",
        "app.js/",
        "APP.js",
        "app.js\n",
    ],
)
def test_only_the_assets_can_be_asked_for(name: str) -> None:
    assert web.asset(name) is None


def test_the_policy_allows_this_origin_only() -> None:
    policy = dict(part.strip().split(" ", 1) for part in web.HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in " ".join(policy.values())
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


def test_a_home_page_without_its_slash_is_sent_to_the_one_with_it(open_tab: Open, pretended_site: Site) -> None:
    assert web.slash_redirect("/api") == "api/"
    assert web.slash_redirect("/api/") is None
    tab = open_tab(pretended_site)
    tab.page.goto(pretended_site.url)
    expect(tab.page.get_by_label("API token")).to_be_visible()


def test_an_inline_script_would_not_run(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.open()
    expect(tab.page.get_by_label("API token")).to_be_visible()
    tab.page.evaluate(
        """() => { const script = document.createElement("script"); script.setAttribute("nonce", "x");
        document.body.append(script); try { script.append("window.ran = true"); } catch {} }"""
    )
    assert tab.page.evaluate("window.ran") is None
    assert any("script-src" in complaint or "trusted" in complaint.lower() for complaint in tab.complaints)
    tab.complaints.clear()
