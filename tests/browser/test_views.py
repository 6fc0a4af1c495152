"""The pages of functions, batches and tokens, and acting on all that a filter shows."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.driver import Site
from tests.browser.fake_api import FakeServer
from tests.browser.fake_runs import rfc3339


def test_a_function_is_paused_with_a_reason_and_resumed(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in("#/functions")
    row = tab.page.get_by_role("table", name="Functions").locator("tbody tr").filter(has_text="report")
    expect(row.get_by_role("link", name="Succeeded").first).to_be_visible()
    row.get_by_role("link", name="report", exact=True).click()
    tab.heading("report")
    expect(tab.page.get_by_text("up to 900 s")).to_be_visible()
    tab.page.get_by_role("button", name="Pause").click()
    tab.page.get_by_label("Why").fill("the bank is down")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_text("by demo: the bank is down")).to_be_visible()
    tab.show("#/runs")
    expect(tab.page.get_by_text("by demo: the bank is down")).to_be_visible()
    tab.page.locator(".notice.paused").get_by_role("link", name="report").click()
    tab.page.get_by_role("button", name="Resume").click()
    expect(tab.page.get_by_role("button", name="Pause")).to_be_visible()
    assert pretended_site.call("GET", "/functions/report")["paused"] is None


def test_a_batch_shows_its_failures_first_and_sends_them_again(
    open_tab: Open, pretended_site: Site, with_a_past: FakeServer, tmp_path: Path
) -> None:
    tab = open_tab(pretended_site)
    batch = with_a_past.batches.start("fail", [{"times": n % 2, "message": f"item {n}"} for n in range(5)])
    tab.sign_in("#/batches")
    listed = tab.page.get_by_role("table", name="Batches, newest first").locator("tbody tr")
    expect(listed.first).to_contain_text("2 of 5")
    listed.first.locator("a.row-link").click()
    expect(tab.badge).to_have_text("Failed")
    expect(tab.page.get_by_role("img", name="Runs by state: 3 succeeded, 2 failed")).to_be_visible()
    expect(tab.page.get_by_role("table", name="Failures of this batch").locator("tbody tr")).to_have_count(2)
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download results").click()
    saved.value.save_as(tmp_path / "results.json")
    results = json.loads((tmp_path / "results.json").read_text())
    assert [each["index"] for each in results] == [0, 1, 2, 3, 4]
    tab.page.get_by_role("button", name="Retry 2 unsuccessful runs").click()
    expect(tab.badge).to_have_text("Succeeded")
    expect(tab.page.get_by_text("No run has failed.")).to_be_visible()
    tab.page.get_by_role("link", name="5 succeeded").click()
    expect(tab.rows).to_have_count(5)
    expect(tab.page.get_by_text(f"batch {batch}")).to_be_visible()


def test_a_link_opens_a_batch_s_page_alone(
    open_tab: Open, pretended_site: Site, with_a_past: FakeServer, tmp_path: Path
) -> None:
    tab = open_tab(pretended_site)
    batch = with_a_past.batches.start("fail", [{"times": n % 2, "message": f"item {n}"} for n in range(5)])
    refused: list[str] = []
    tab.page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    tab.open(f"#/batches/{batch}?link=oncelink_{batch}")
    expect(tab.badge).to_have_text("Failed")
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download results").click()
    saved.value.save_as(tmp_path / "results.json")
    assert len(json.loads((tmp_path / "results.json").read_text())) == 5
    for role in ("table", "link"):
        expect(tab.page.locator("main").get_by_role(role)).to_have_count(0)  # type: ignore[arg-type]
    expect(tab.page.get_by_role("button", name="Retry")).to_have_count(0)
    expect(tab.page.get_by_role("navigation", name="Main")).to_be_hidden()
    assert refused == []
    tab.show(f"#/batches/{batch}?link=oncelink_{'A' * 80}")
    expect(tab.page.get_by_role("alert").filter(has_text="This link opens the batch no more")).to_be_visible()


def test_a_running_batch_is_cancelled_after_its_count_was_asked_back(
    open_tab: Open, pretended_site: Site, with_a_past: FakeServer
) -> None:
    tab = open_tab(pretended_site)
    batch = with_a_past.batches.start("sleep", [{"seconds": 0.1}, {"seconds": 60}, {"seconds": 60}])
    tab.sign_in(f"#/batches/{batch}")
    expect(tab.page.get_by_text("1 of 3 over")).to_be_visible()
    tab.page.get_by_role("button", name="Cancel batch").click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("2 runs of 3 are not over")
    tab.page.get_by_role("button", name="Cancel the batch").click()
    expect(tab.badge).to_have_text("Cancelled")


def test_nothing_is_done_to_all_where_nothing_matches_or_the_list_is_of_a_key(
    open_tab: Open, pretended_site: Site
) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in("#/runs?status=expired")
    bar = tab.page.get_by_role("group", name="All runs that match")
    bar.get_by_role("button", name="Cancel all").click()
    expect(bar).to_contain_text("Nothing to cancel.")
    tab.show("#/runs?key=order-1&status=failed")
    expect(tab.page.get_by_text("No run matches")).to_be_visible()
    expect(bar).to_be_hidden()


def test_tokens_are_made_shown_once_and_revoked(open_tab: Open, pretended_site: Site) -> None:
    tab = open_tab(pretended_site)
    tab.sign_in("#/tokens")
    rows = tab.page.get_by_role("table", name="Tokens").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("(this one)")
    tab.page.get_by_label("runs:write").uncheck()
    tab.page.get_by_label("Expires").select_option(label="in a day")
    tab.page.get_by_role("button", name="Make a token").click()
    text = str(tab.page.locator(".fresh-token pre").text_content())
    assert Site("pretended", pretended_site.url, text).call("GET", "/runs?limit=1")["runs"]
    fresh = rows.filter(has_text=text.split("_")[1])
    expect(fresh).to_contain_text("runs:read")
    expect(fresh).to_contain_text("in 23 h")
    tab.show("#/runs")
    tab.show("#/tokens")
    expect(rows).to_have_count(2)
    assert text not in tab.page.content()
    fresh.get_by_role("button", name="Revoke").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(rows).to_have_count(1)


def test_a_token_that_may_not_is_told_what_it_lacks(
    open_tab: Open, pretended_site: Site, pretended: FakeServer
) -> None:
    reader = pretended.tokens.make(["runs:read"])["token"]
    tab = open_tab(Site("pretended", pretended_site.url, reader))
    tab.sign_in("#/tokens")
    expect(tab.page.get_by_text("needs a token with the scope admin")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Make a token")).to_be_hidden()


def test_a_run_shows_its_attempts_and_legs_with_their_own_times_and_where_it_would_go_on(
    open_tab: Open, pretended_site: Site, pretended: FakeServer
) -> None:
    run_id = pretended_site.start("sleep", {"seconds": 900}, "long", retry={"max_attempts": 3})
    run = pretended.runs.runs[run_id]
    at = 1_790_000_000_000
    lines = [
        ("claimed", 1, 1, 0),
        ("attempt_ended", 1, 1, 4000),
        ("claimed", 2, 1, 9000),
        ("attempt_ended", 2, 1, 15_000),
    ]
    run.logs = [
        {
            "time": rfc3339(at + after),
            "attempt": attempt,
            "leg": leg,
            "message": json.dumps({"event": event, "run_id": run_id, "attempt": attempt, "outcome": "failed"}),
        }
        for event, attempt, leg, after in lines
    ]
    run.plan = []
    run.document |= {
        "status": "queued",
        "attempt": 2,
        "leg": 2,
        "waiting_for": "continue",
        "next_attempt_at": rfc3339(at + 10**12),
        "started_at": rfc3339(at),
        "attempt_started_at": rfc3339(at + 9000),
        "checkpoint": {"at": rfc3339(at + 14_000), "leg": 1, "size": 11, "state": {"page": 17}},
    }
    tab = open_tab(pretended_site)
    tab.sign_in(f"#/runs/{run_id}")
    steps = tab.page.locator(".timeline li")
    expect(steps.filter(has_text="Attempt 1 of 3, leg 1")).to_contain_text("failed after 4.0 s")
    expect(steps.filter(has_text="Attempt 2 of 3, leg 1")).to_contain_text("failed after 6.0 s")
    expect(steps.filter(has_text="Waiting for its next leg")).to_contain_text("in ")
    checkpoint = tab.panel("Checkpoint")
    checkpoint.locator("summary").click()
    expect(checkpoint.get_by_role("region")).to_contain_text('"page": 17')
    run.document["checkpoint"] = {"at": rfc3339(at + 14_500), "leg": 1, "size": 11, "state": {"page": 18}}
    expect(checkpoint.get_by_role("region")).to_contain_text('"page": 18')
    select = tab.page.get_by_label("Attempt", exact=True)
    assert select.locator("option").all_text_contents() == ["All", "1", "2"]
    run.document |= {"status": "failed", "finished_at": rfc3339(at + 20_000), "waiting_for": None}
    with tab.page.expect_request("**/retry") as asked:
        tab.page.get_by_role("button", name="Retry from the start").click()
    assert asked.value.post_data_json == {"from": "start"}


def test_the_error_of_a_failed_run_stands_out_and_stays_on_a_phone(open_tab: Open, pretended_site: Site) -> None:
    pretended_site.start("fail", {"message": "no such customer: 4711\nsecond line", "times": 9}, labels={"team": "x"})
    key = "0b5c8a52-7c1f-4b43-9d9b-0123456789ab"
    pretended_site.start("echo", 1, key=key)
    tab = open_tab(pretended_site, viewport={"width": 1400, "height": 900})
    tab.sign_in()
    failed = tab.row("no such customer").first
    expect(failed.locator(".detail")).to_have_text("RuntimeError: no such customer: 4711")
    expect(failed.get_by_role("link", name="team:x")).to_be_visible()
    weigh = """(row) => [getComputedStyle(row.querySelector(".status-line")).fontWeight,
      getComputedStyle(row).backgroundColor]"""
    expect(failed.locator(".status-word")).to_have_text("Failed")
    calm = tab.row("Succeeded").first
    bold, tinted = failed.evaluate(weigh)
    thin, plain = calm.evaluate(weigh)
    assert int(bold) > int(thin)
    assert tinted != plain
    assert "dim" in str(tab.row(key).locator(".key").get_attribute("class"))
    tab.page.set_viewport_size({"width": 360, "height": 740})
    expect(failed.locator(".why")).to_be_visible()
    expect(failed.locator(".why")).to_have_text("RuntimeError: no such customer: 4711")
    expect(tab.row(key[:4])).to_have_count(1)
    tab.page.set_viewport_size({"width": 1900, "height": 900})
    assert tab.page.evaluate("document.querySelector('.table-card').clientWidth") > 1800
