"""What could not be read at first is read again, and what was read is shown and kept as it is, to its last digit."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.driver import Dashboard, Site
from tests.browser.fake_api import FakeServer
from tests.browser.fake_runs import now_ms, rfc3339

LONG = 9_007_199_254_740_993  # no number of JavaScript's


def refuse_once(tab: Dashboard, pattern: str, status: int = 503) -> None:
    """The first answer to such a request is a failure of the service."""
    said = json.dumps({"title": "No", "detail": "Not now."})
    tab.page.route(pattern, lambda route: route.fulfill(status=status, body=said), times=1)


def test_the_runs_of_a_batch_that_has_ended_are_asked_for_again(
    open_tab: Open, pretended_site: Site, pretended: FakeServer, tmp_path: Path
) -> None:
    tab = open_tab(pretended_site)
    batch = pretended.batches.start("echo", [LONG, {"exact": LONG, "text": '],"results": ['}], at_ms=now_ms() - 60_000)
    refuse_once(tab, f"**/batches/{batch}/runs?limit=*")
    tab.sign_in(f"#/batches/{batch}")
    expect(
        tab.page.get_by_role("table", name="All runs, by their place of this batch").locator("tbody tr")
    ).to_have_count(2)
    expect(tab.badge).to_have_text("Succeeded")
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download results").click()
    saved.value.save_as(tmp_path / "results.json")
    outputs = [each["output"] for each in json.loads((tmp_path / "results.json").read_text())]
    assert outputs == [LONG, {"exact": LONG, "text": '],"results": ['}]


def test_the_deliveries_of_a_run_that_has_ended_are_asked_for_again(open_tab: Open, pretended_site: Site) -> None:
    run_id = pretended_site.start("echo", 1, callback={"url": "https://example.com/hooks"})
    tab = open_tab(pretended_site)
    refuse_once(tab, f"**/{run_id}/deliveries")
    tab.sign_in(f"#/runs/{run_id}")
    expect(tab.panel("Callback").locator("tbody tr")).to_have_count(1)


def test_a_page_that_cannot_be_loaded_says_why(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in()
    refuse_once(tab, "**/runs?*cursor=*", 400)
    tab.page.get_by_role("button", name="Load more").click()
    expect(tab.page.get_by_role("status").filter(has_text="Not now.")).to_be_visible()
    tab.page.get_by_role("button", name="Load more").click()
    expect(tab.rows).to_have_count(70)
    expect(tab.page.get_by_role("status").filter(has_text="Not now.")).to_be_hidden()


def test_a_copy_keeps_the_digits_members_and_labels_that_the_form_cannot_show(
    open_tab: Open, pretended_site: Site, pretended: FakeServer
) -> None:
    labels = {"note": 'a, b="c" \\', "team": "x=y", "none": ""}
    exact = '{"seconds": 0.12345678901234567}'
    run_id = pretended_site.start("sleep", json.loads(exact), labels=labels)
    pretended.runs.runs[run_id].input = exact
    tab = open_tab(pretended_site)
    tab.sign_in(f"#/start/sleep?from={run_id}")
    code = tab.page.get_by_label("Input, as JSON")
    expect(code).to_have_value(exact)
    tab.page.get_by_role("button", name="Edit as a form").click()
    expect(tab.page.get_by_text("The form cannot show all of this.")).to_be_visible()
    code.fill('{"seconds": 0, "more": 1}')
    tab.page.get_by_role("button", name="Edit as a form").click()
    expect(tab.page.get_by_text("The form cannot show all of this.")).to_be_visible()
    code.fill(exact)
    with tab.page.expect_request(lambda request: request.method == "POST") as asked:
        tab.page.get_by_role("button", name="Start sleep").click()
    assert exact in (asked.value.post_data or "")
    assert asked.value.post_data_json["labels"] == labels


def test_a_question_goes_with_the_page_that_asked_it(
    open_tab: Open, pretended_site: Site, pretended: FakeServer
) -> None:
    pretended_site.start("sleep", {"seconds": 600})
    tab = open_tab(pretended_site)
    tab.sign_in("#/runs?function=sleep&status=running")
    bar = tab.page.get_by_role("group", name="All runs that match")
    bar.get_by_role("button", name="Cancel all").click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("Cancel 1 run?")
    tab.show("#/functions")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    counting = {"id": "bulk_1", "status": "running", "matched": 2, "refused": 0, "created_at": rfc3339(now_ms())}

    def count(route: Route) -> None:
        route.fulfill(status=200, body=json.dumps(counting))

    tab.page.route("**/bulk", count)
    tab.page.route("**/bulk/*", count)
    tab.show("#/runs?function=sleep")
    bar.get_by_role("button", name="Cancel all").click()
    expect(bar).to_contain_text("Counting…")
    with tab.page.expect_response("**/bulk/*"):
        tab.show("#/functions")
    tab.page.evaluate("() => new Promise((drawn) => setTimeout(() => requestAnimationFrame(drawn)))")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
