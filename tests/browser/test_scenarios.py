"""What people do on the dashboard: look, start, watch, cancel, retry, filter."""

from __future__ import annotations

import re
import secrets
import uuid

from playwright.sync_api import Route, expect

from tests.browser.conftest import on_the_stack
from tests.browser.driver import Dashboard
from tests.browser.fake_api import FakeServer
from tests.browser.fake_runs import now_ms

MARKUP = "<img src=x onerror=\"document.title='pwned'\">"


@on_the_stack
def test_a_newcomer_starts_watches_and_cancels_a_run_by_mouse(tab: Dashboard) -> None:
    tab.sign_in()
    tab.page.get_by_role("link", name="Start a run").first.click()
    tab.heading("Start a run")  # the list that is left has links named after functions too
    tab.page.get_by_role("link", name=re.compile("^sleep")).click()
    tab.page.get_by_label("seconds").fill("45")
    tab.page.get_by_role("button", name="Start sleep").click()
    tab.heading("sleep")
    expect(tab.badge).to_have_text("Running")
    expect(tab.page.get_by_role("progressbar")).to_be_visible()
    expect(tab.page).to_have_title(re.compile(r"^\d+ % sleep"))
    tab.picture("run-running")
    tab.page.get_by_role("button", name="Cancel run").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    expect(tab.badge).to_have_text("Cancelled")
    expect(tab.page.locator(".timeline")).to_contain_text("by token ")
    expect(tab.page.get_by_role("button", name="Retry")).to_be_visible()


@on_the_stack
def test_a_finished_run_shows_its_output_input_timeline_and_logs(tab: Dashboard) -> None:
    run_id = tab.site.start("report", {"csv": "city,people\nBern,134000\nBasel,178000\n"}, labels={"team": "maps"})
    tab.sign_in(f"#/runs/{run_id}")
    expect(tab.badge).to_have_text("Succeeded")
    expect(tab.panel("Output").get_by_role("region")).to_contain_text('"rows": ')
    expect(tab.panel("Input").get_by_role("region")).to_contain_text("Basel")
    for step in ("Accepted", "Attempt 1", "Succeeded", "Kept until"):
        expect(tab.page.locator(".timeline li").filter(has_text=step)).to_be_visible()
    first_line = tab.panel("Logs").get_by_role("listitem").first
    expect(first_line).to_contain_text("claimed")
    expect(first_line).not_to_contain_text('"event"')
    tab.page.get_by_role("link", name="team:maps").click()
    expect(tab.row("team:maps").first).to_be_visible()


@on_the_stack
def test_a_failed_run_shows_its_error_and_trace_and_a_retry_is_the_second_attempt(tab: Dashboard) -> None:
    run_id = tab.site.start("fail", {"message": "the disk is full", "times": 1})
    tab.sign_in(f"#/runs/{run_id}")
    expect(tab.badge).to_have_text("Failed")
    card = tab.page.locator(".error-card")
    expect(card).to_contain_text("the disk is full")
    expect(card.get_by_role("region", name="Trace")).to_contain_text("Traceback")
    tab.picture("run-failed")
    tab.page.get_by_role("button", name="Retry").click()
    expect(tab.badge).to_have_text("Succeeded")
    expect(tab.page.locator(".timeline")).to_contain_text("Attempt 2")
    expect(card).to_be_hidden()


def test_the_list_shows_new_runs_and_their_progress_without_a_reload(tab: Dashboard, pretended: FakeServer) -> None:
    tab.page.clock.install()
    tab.sign_in()
    tab.heading("Runs")
    key = f"live-{uuid.uuid4().hex[:8]}"
    run_id = tab.site.start("sleep", {"seconds": 600}, key=key)
    tab.eventually(tab.row(key).filter(has_text="Running").is_visible)
    pretended.runs.runs[run_id].plan = [(now_ms(), {"status": "succeeded", "output": {}, "progress": None})]
    tab.eventually(tab.row(key).filter(has_text="Succeeded").is_visible)
    tab.row(key).get_by_role("cell").nth(3).click()
    tab.heading("sleep")


def test_filters_narrow_the_list_and_are_in_the_address(tab: Dashboard) -> None:
    batch = uuid.uuid4().hex[:8]
    good = tab.site.start("echo", 1, key=f"good-{batch}", labels={"batch": batch})
    bad = tab.site.start("fail", {"times": 9}, key=f"bad-{batch}", labels={"batch": batch})
    tab.sign_in(f"#/runs?label=batch:{batch}")
    expect(tab.rows).to_have_count(2)
    expect(tab.row(bad[-4:])).to_contain_text("Failed")
    tab.page.get_by_label("Status").select_option("failed")
    expect(tab.rows).to_have_count(1)
    expect(tab.page).to_have_url(re.compile("status=failed"))
    tab.page.get_by_label("Status").select_option("")
    expect(tab.rows).to_have_count(2)
    tab.page.get_by_label("Function", exact=True).select_option("echo")
    expect(tab.row(good[-4:])).to_be_visible()
    expect(tab.rows).to_have_count(1)
    tab.page.go_back()
    expect(tab.rows).to_have_count(2)
    clear = tab.page.get_by_role("link", name="Clear", exact=True)
    clear.click()
    expect(clear).to_have_count(0)
    search = tab.page.get_by_label("Search")
    search.fill(f"good-{batch}")
    search.press("Enter")
    expect(tab.rows).to_have_count(1)
    chip = tab.page.get_by_role("link", name=f"Without key good-{batch}")
    chip.click()
    expect(chip).to_have_count(0)
    search.fill(f"batch={batch}")
    search.press("Enter")
    expect(tab.page).to_have_url(re.compile(f"label=batch%3A{batch}"))
    expect(tab.rows).to_have_count(2)
    search.fill(good)
    search.press("Enter")
    tab.heading("echo")


def test_a_key_that_looks_like_a_label_is_found_as_a_key(tab: Dashboard) -> None:
    key = f"order:{uuid.uuid4().hex[:8]}"
    run_id = tab.site.start("echo", 1, key=key)
    tab.sign_in()
    tab.page.get_by_label("Search").fill(key)
    tab.page.keyboard.press("Enter")
    expect(tab.rows).to_have_count(1)
    expect(tab.row(run_id[-4:])).to_contain_text(key)
    expect(tab.page.get_by_text(f"key {key}")).to_be_visible()


@on_the_stack
def test_the_states_to_choose_from_are_those_of_the_services_own_document(tab: Dashboard) -> None:
    schemas = tab.site.call("GET", "/openapi.json")["components"]["schemas"]
    status = tab.page.get_by_label("Status").locator("option")
    tab.sign_in()
    expect(status).to_have_count(1 + len(schemas["Status"]["enum"]))
    assert [option.get_attribute("value") for option in status.all()] == ["", *schemas["Status"]["enum"]]


def test_what_is_typed_into_a_filter_stays_when_the_functions_arrive(tab: Dashboard) -> None:
    held: list[Route] = []
    tab.page.route("**/functions", lambda route: held.append(route))
    with tab.page.expect_request("**/functions"):
        tab.sign_in("#/runs?function=echo")
    function, search = tab.page.get_by_label("Function", exact=True), tab.page.get_by_label("Search")
    expect(function).to_have_value("echo")
    search.fill("team:billing")
    held[0].continue_()
    expect(function.locator("option[value=sleep]")).to_have_count(1)
    expect(function.locator("option[value=echo]")).to_have_count(1)
    expect(search).to_have_value("team:billing")
    expect(function).to_have_value("echo")


@on_the_stack
def test_a_callback_that_was_refused_is_told_and_can_be_sent_again(tab: Dashboard) -> None:
    callback = {"url": "http://127.0.0.1:9/hook"}
    run_id = tab.site.start("echo", 1, callback=callback)
    tab.sign_in(f"#/runs/{run_id}")
    tries = tab.panel("Callback").locator("tbody tr")
    expect(tries).to_have_count(1)
    expect(tab.page.locator(".timeline")).to_contain_text("Callback, try 1")
    tab.panel("Callback").get_by_role("button", name="Send again").click()
    expect(tries.nth(1)).to_be_visible()


@on_the_stack
def test_a_large_output_is_offered_as_a_download(tab: Dashboard) -> None:
    run_id = tab.site.start("echo", secrets.token_hex(700_000))
    tab.sign_in(f"#/runs/{run_id}")
    expect(tab.badge).to_have_text("Succeeded")
    link = tab.panel("Output").get_by_role("link", name="Download the output")
    expect(link).to_have_attribute("href", re.compile(r"^http.*Signature="))
    assert tab.site.token not in str(link.get_attribute("href"))


def test_markup_in_data_stays_text(tab: Dashboard) -> None:
    run_id = tab.site.start("fail", {"message": MARKUP, "times": 9}, labels={"html": "<b>bold</b>"})
    tab.sign_in(f"#/runs/{run_id}")
    expect(tab.page.locator(".error-message")).to_have_text(MARKUP)
    tab.show("#/runs?label=html:<b>bold</b>")
    expect(tab.rows.first).to_contain_text("onerror=")
    assert "pwned" not in tab.page.title()
    assert tab.page.locator("main img, main b:has-text('bold')").count() == 0


def test_an_unknown_run_and_an_unknown_address_lead_back(tab: Dashboard) -> None:
    tab.sign_in("#/runs/run_" + "a" * 26)
    expect(tab.page.get_by_role("heading", name="No such run")).to_be_visible()
    tab.show("#/nothing/here")
    tab.heading("Runs")


@on_the_stack
def test_a_batch_and_a_paused_function_are_shown_as_the_service_tells_them(tab: Dashboard) -> None:
    items = [{"input": {"times": n % 2, "message": f"item {n}"}} for n in range(4)]
    batch = tab.site.call("POST", "/batches", json={"function": "fail", "items": items})
    tab.sign_in(f"#/batches/{batch['id']}")
    expect(tab.badge).to_have_text("Failed", timeout=60_000)
    expect(tab.page.get_by_role("table", name="Failures of this batch").locator("tbody tr")).to_have_count(2)
    expect(tab.page.get_by_role("table", name="Failures of this batch").locator("tbody tr").first).to_contain_text(
        "item"
    )
    tab.show("#/batches")
    expect(tab.page.locator(f"a.row-link[href='#/batches/{batch['id']}']")).to_be_visible()
    tab.show("#/functions/echo")
    tab.page.get_by_role("button", name="Pause").click()
    tab.page.get_by_label("Why").fill("the bank is down")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".notice.paused")).to_contain_text("the bank is down")
    tab.page.get_by_role("button", name="Resume").click()
    expect(tab.page.get_by_role("button", name="Pause")).to_be_visible()
    tab.show("#/functions")
    expect(tab.page.get_by_role("table", name="Functions")).to_contain_text("echo")
    tab.show("#/tokens")
    expect(tab.page.get_by_text("(this one)")).to_be_visible()


@on_the_stack
def test_all_that_a_filter_shows_is_sent_again_after_its_count_was_asked_back(tab: Dashboard) -> None:
    night = uuid.uuid4().hex[:12]
    for _ in range(4):
        tab.site.start("fail", {"message": "no", "times": 1}, labels={"job": night})
    tab.sign_in()
    bar = tab.page.get_by_role("group", name="All runs that match")
    expect(bar).to_be_hidden()  # an unfiltered list is every run there is
    tab.show(f"#/runs?label=job:{night}&status=failed")
    expect(tab.rows).to_have_count(4)
    bar.get_by_role("button", name="Retry all").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Leave them").click()
    expect(tab.rows).to_have_count(4)
    with tab.page.expect_request("**/bulk") as counted, tab.page.expect_response("**/bulk") as answered:
        bar.get_by_role("button", name="Retry all").click()
    wanted = {"action": "retry", "filter": {"status": "failed", "label": f"job:{night}"}}
    assert counted.value.post_data_json == wanted | {"dry_run": True}
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Retry 4 runs?")
    with tab.page.expect_request("**/bulk") as ordered:
        dialog.get_by_role("button", name="Retry 4 runs").click()
    until = {"created_before": answered.value.json()["created_at"]}  # what was counted, and nothing newer
    assert ordered.value.post_data_json == wanted | {"filter": wanted["filter"] | until}
    expect(bar).to_contain_text("4 of 4 sent again")
    expect(tab.page.get_by_text("No run matches")).to_be_visible()
