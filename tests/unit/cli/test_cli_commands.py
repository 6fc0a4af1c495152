"""The commands beside invoke and attach."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from email.utils import formatdate
from importlib import import_module
from pathlib import Path

import pytest

from invoke_once.cli.root import COMMANDS
from invoke_once.cli.words import describe, span
from invoke_once.client.core.document import RunInfo
from invoke_once.client.profile import config_path, read
from tests.once_fake import REFUSED, TOKEN, Answer, FakeOnce
from tests.unit.cli.conftest import Cli


def started(cli: Cli, function: str = "echo", *more: str) -> str:
    return cli("invoke", "-f", function, *more, "-q").out.strip()


def test_status_shows_what_there_is_to_know(cli: Cli) -> None:
    run_id = started(cli, "steps", "--key", "k", "--label", "team=data")
    done = cli("status", run_id)
    assert done.code == 0
    shown = dict(line.split(None, 1) for line in done.out.splitlines())
    assert shown["run"] == run_id
    assert shown["status"] == "running 25% a quarter"
    assert (shown["key"], shown["labels"], shown["attempt"]) == ("k", "team=data", "1 of 1")


def test_status_says_whose_token_cancelled_it(cli: Cli) -> None:
    run_id = started(cli, "steps")
    cli("cancel", run_id)
    assert "cancelled by  13945c43cb9b7ebc\n" in cli("status", run_id).out


def test_what_a_queued_run_waits_for_is_in_its_status() -> None:
    waits = {"waiting_for": "backoff", "next_attempt_at": "2026-11-23T10:01:00.000Z", "attempt": 1, "max_attempts": 3}
    run = RunInfo({"id": "run_a", "status": "queued", "error": {"type": "ValueError", "message": "no"}} | waits)
    now = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)
    until = f"{datetime(2026, 11, 23, 10, 1, tzinfo=UTC).astimezone():%H:%M:%S}"
    said = f"queued (attempt 1 of 3), waiting for its next attempt until {until} (in 30.0 s): ValueError: no"
    assert describe(run, now=now) == said
    legs = RunInfo({"id": "run_a", "status": "running", "attempt": 1, "max_attempts": 1, "leg": 3})
    assert describe(legs) == "running (leg 3)"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (60, "1 m"), (7199, "120 m"), (7200, "2 h"), (172800, "2 d")]
)
def test_an_age_is_in_the_largest_unit_that_fits(seconds: float, said: str) -> None:
    assert span(seconds, whole=True) == said


def test_status_of_a_failed_run_is_no_failure_of_the_command(cli: Cli) -> None:
    run_id = started(cli, "fail")
    done = cli("status", run_id, "--json")
    assert (done.code, json.loads(done.out)["status"]) == (0, "failed")


def test_the_trace_is_shown_when_it_is_asked_for(cli: Cli) -> None:
    run_id = started(cli, "fail")
    assert "RuntimeError: boom" not in cli("status", run_id).err
    assert 'File "job.py", line 1' in cli("status", run_id, "--trace").out
    assert cli("status", started(cli), "--trace").out == "there is no error\n"


def test_list_in_a_pipe_is_a_line_a_run(cli: Cli) -> None:
    ids = [started(cli, "echo", "--key", f"k{n}") for n in range(3)]
    done = cli("list", "-n", "2")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[0] for row in rows] == ids[:0:-1]
    assert rows[0][1:3] == ["queued", "echo"]


def test_list_filters_and_gives_json(cli: Cli, fake: FakeOnce) -> None:
    started(cli, "echo", "--label", "team=data")
    wanted = started(cli, "hang", "--label", "team=data")
    done = cli("list", "--label", "team=data", "-f", "hang", "-s", "queued", "--since", "1h", "--json")
    assert [run["id"] for run in json.loads(done.out)] == [wanted]
    assert fake.last().query["created_after"][0].endswith("Z")


def test_list_all_reads_every_page(cli: Cli, fake: FakeOnce) -> None:
    fake.page_size = 10
    for _ in range(25):
        started(cli)
    assert len(cli("list").out.splitlines()) == 20
    assert len(cli("list", "--all").out.splitlines()) == 25


def test_logs_are_lines_and_json_lines(cli: Cli, fake: FakeOnce) -> None:
    run_id = started(cli)
    fake.logs[run_id] = [{"time": "t1", "message": "one\n", "attempt": 1}, {"time": "t2", "message": "\x1b[2Jtwo"}]
    assert cli("logs", run_id).out == "t1  one\nt2  \N{REPLACEMENT CHARACTER}[2Jtwo\n"
    lines = cli("logs", run_id, "--json").out.splitlines()
    assert [json.loads(line)["time"] for line in lines] == ["t1", "t2"]
    cli("attach", run_id)
    assert len(cli("logs", run_id, "--follow").out.splitlines()) == 2


def test_our_own_lines_are_said_in_words_and_raw_as_json(cli: Cli, fake: FakeOnce) -> None:
    run_id = started(cli)
    own = [
        {"event": "claimed", "run_id": run_id, "attempt": 1},
        {
            "event": "attempt_failed",
            "run_id": run_id,
            "attempt": 1,
            "error_type": "KeyError",
            "message": "'a'",
            "trace": "T\nU",
        },
        {"event": "attempt_ended", "run_id": run_id, "attempt": 1, "outcome": "failed", "run_status": "queued"},
        {"event": "claimed", "run_id": "run_of_another", "attempt": 1},
        {"event": "order_placed", "run_id": run_id},
        {"event": "claimed", "run_id": run_id},
        {"event": ["claimed"], "run_id": run_id},
    ]
    texts = [json.dumps(line) for line in own]
    fake.logs[run_id] = [{"time": "t", "message": text, "attempt": 1} for text in [*texts, "[1]", "{"]]
    assert cli("logs", run_id).out.splitlines() == [
        "t  · attempt 1 began",
        "t  · attempt 1 raised KeyError: 'a'",
        "   T",
        "   U",
        "t  · attempt 1 ended: failed; the run is queued",
        *[f"t  {text}" for text in [*texts[3:], "[1]", "{"]],
    ]
    raw = [json.loads(line)["message"] for line in cli("logs", run_id, "--json").out.splitlines()]
    assert raw == [*texts, "[1]", "{"]


def test_a_run_is_named_by_its_beginning_or_as_the_latest(cli: Cli, fake: FakeOnce) -> None:
    first, second = started(cli, "fail"), started(cli, "hang")
    for command in ("status", "attach", "cancel", "retry", "logs", "deliveries", "input", "link"):
        assert cli(command, first[:12]).code in (0, 1, 2), command
        assert fake.last().path.startswith(f"/runs/{first}"), command
    assert json.loads(cli("status", "latest", "--json").out)["id"] == second
    twin = first[:-1] + ("b" if first[-1] == "a" else "a")
    fake.runs[twin] = fake.runs[first] | {"id": twin}
    done = cli("status", first[:20])
    assert (done.code, first in done.err, twin in done.err) == (2, True, True)
    assert cli("status", first).code == 0
    fake.page_size = 1
    assert json.loads(cli("status", second[:10], "--json").out)["id"] == second


def test_input_and_output_are_the_text_that_is_stored(
    cli: Cli, fake: FakeOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = started(cli, "echo", "-d", "[1]")
    text = b'{"n": 12345678901234567890123.4567,  "e": 1E400, "s": "\xc2\x9b"}'
    monkeypatch.setattr(fake, "_payload", lambda *_: Answer(200, text))
    for part in ("input", "output"):
        assert cli(part, run_id).out == text.decode().replace("\x9b", "\\u009b") + "\n"
    assert fake.last().path == f"/runs/{run_id}/output"


def test_open_gives_the_page_and_opens_it_where_there_is_a_screen(
    cli: Cli, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    run_id = started(cli)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert cli("open", "latest").out == f"{url}/#/runs/{run_id}\n"
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli("open", run_id, "--print").out == f"{url}/#/runs/{run_id}\n"
    assert opened == []
    assert cli("open", run_id).code == 0
    assert opened == [f"{url}/#/runs/{run_id}"]


def test_a_link_is_made_for_one_run(cli: Cli, fake: FakeOnce) -> None:
    run_id = started(cli)
    done = cli("link", run_id, "--expires-in", "7d")
    assert done.out == f"http://once.test/#/runs/{run_id}?link=oncelink_604800\n"
    assert (fake.last("POST").path, json.loads(fake.last("POST").body)) == (
        f"/runs/{run_id}/links",
        {"expires_in_seconds": 604800},
    )
    assert json.loads(cli("link", run_id, "--json").out)["token"] == "oncelink_None"


def test_a_link_is_made_for_one_batch(cli: Cli, fake: FakeOnce) -> None:
    batch_id = "batch_" + "a" * 26
    assert cli("link", batch_id, "--expires-in", "1h").out == (
        f"http://once.test/#/batches/{batch_id}?link=oncelink_3600\n"
    )
    assert fake.last("POST").path == f"/batches/{batch_id}/links"


def test_statuses_are_listed_by_comma_as_over_http(cli: Cli, fake: FakeOnce) -> None:
    cli("invoke", "-f", "fail", "--wait")
    wanted = started(cli, "hang")
    done = cli("list", "--status", "queued, timed_out", "-s", "cancelled")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [wanted]
    assert fake.last().query["status"] == ["queued,timed_out,cancelled"]


def test_deliveries_are_shown_and_sent_again(cli: Cli, fake: FakeOnce) -> None:
    run_id = started(cli)
    assert "no attempt yet" in cli("deliveries", run_id).err
    fake.deliveries[run_id] = [
        {"attempt": 1, "at": "t1", "status_code": None, "error": "refused", "latency_ms": 3, "next_at": "t2"},
        {"attempt": 2, "at": "t2", "status_code": 200, "error": None, "latency_ms": 8, "next_at": None},
    ]
    assert cli("deliveries", run_id).out == "1\tt1\trefused\t3 ms\tt2\n2\tt2\t200\t8 ms\t\n"
    assert json.loads(cli("deliveries", run_id, "--json").out) == fake.deliveries[run_id]
    assert cli("deliveries", run_id, "--send-again").code == 0
    assert fake.last("POST").path == f"/runs/{run_id}/deliveries"


def test_functions_all_and_one(cli: Cli) -> None:
    assert cli("functions").out.splitlines()[0] == "echo\ttracked\t30 s\tReturns its input"
    assert json.loads(cli("functions", "echo").out)["name"] == "echo"
    assert cli("functions", "nobody").code == 2


def test_tokens_are_made_listed_and_revoked(cli: Cli, fake: FakeOnce) -> None:
    done = cli("tokens", "create", "--tenant", "acme", "--scope", "runs:read", "--expires-in", "90d")
    assert done.out == "once_t1_secret\n"
    assert "not shown again" in done.err
    assert json.loads(fake.last("POST").body)["expires_in_seconds"] == 90 * 86400
    assert cli("tokens", "list").out.startswith("t1\tacme\truns:read\t")
    assert cli("tokens", "revoke", "t1").code == 0
    assert cli("tokens", "revoke", "t1").code == 2
    assert cli("tokens", "create", "--scope", "operator").code == 0


def test_doctor_is_content_with_a_healthy_service(cli: Cli, fake: FakeOnce) -> None:
    fake.healthy = Answer(200, {"parts": {"table": {"status": "ok"}}}, {"date": formatdate(usegmt=True)})
    done = cli("doctor")
    assert done.code == 0, done.out
    assert "WRONG" not in done.out
    assert "valid; 2 functions" in done.out
    assert TOKEN not in done.out


def test_doctor_says_what_is_wrong_and_how_to_fix_it(cli: Cli, fake: FakeOnce, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.healthy = Answer(503, {"parts": {"table": {"status": "down", "detail": "no table"}, "queue": "ok"}})
    done = cli("doctor")
    assert done.code == 1
    assert "WRONG health: table: no table" in done.out
    assert "queue" not in done.out
    fake.healthy = Answer(200, {}, {"date": formatdate(0, usegmt=True)})
    done = cli("doctor")
    assert (done.code, "set this machine's clock" in done.out) == (1, True)
    fake.healthy, fake.version = Answer(200, {}), "99.1.0"
    done = cli("doctor")
    assert (done.code, "warn  version" in done.out) == (0, True)
    monkeypatch.setenv("ONCE_TOKEN", "once_wrong_x")
    done = cli("doctor")
    assert (done.code, "-> it is wrong, expired or revoked" in done.out) == (2, True)
    fake.always = REFUSED
    assert cli("doctor").code == 6


def test_doctor_without_any_configuration_says_where_to_begin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONCE_URL")
    done = cli("doctor", "--json")
    assert done.code == 2
    [finding] = json.loads(done.out)
    assert finding["state"] == "wrong"
    assert "once configure" in finding["fix"]


def test_doctor_of_a_url_that_is_something_else(cli: Cli, fake: FakeOnce) -> None:
    fake.healthy = Answer(200, b"<html>", {"content-type": "text/html"})
    done = cli("doctor")
    assert (done.code, "check the URL" in done.out) == (6, True)


def test_configure_stores_what_works(cli: Cli, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN + "\n"))
    assert cli("--url", url, "--profile", "work", "configure").code == 0
    path = config_path()
    assert path.is_relative_to(tmp_path)
    assert (read(path).profiles["work"].token, read(path).default) == (TOKEN, "work")
    monkeypatch.delenv("ONCE_URL")
    monkeypatch.delenv("ONCE_TOKEN")
    assert cli("functions").code == 0


def test_configure_does_not_store_what_does_not_work(cli: Cli, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("once_wrong_x\n"))
    assert cli("--url", url, "login").code == 2
    assert not config_path().exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("once_wrong_x\n"))
    assert cli("--url", url, "login", "--no-check").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli("--url", url, "login").code == 2
    assert cli("configure").code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_can_read(cli: Cli, shell: str) -> None:
    import shutil

    done = cli("completion", shell)
    assert "_ONCE_COMPLETE" in done.out
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.out, text=True, check=True)


def complete(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str = "bash_complete"
) -> str:
    from invoke_once.cli.root import once

    monkeypatch.setenv("_ONCE_COMPLETE", shell)
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit):
        once.main(prog_name="once", standalone_mode=False, args=[])
    return capsys.readouterr().out


@pytest.mark.usefixtures("url")
def test_commands_and_functions_are_completed(
    fake: FakeOnce, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "plain,deliveries" in complete("once del", monkeypatch, capsys)
    assert "plain,echo" in complete("once invoke -f e", monkeypatch, capsys)
    assert "Returns its input" in complete("once invoke -f e", monkeypatch, capsys, "zsh_complete")
    assert "file," in complete("once invoke -p ", monkeypatch, capsys)
    assert "plain,latest" in complete("once status la", monkeypatch, capsys)
    fake.always = Answer(401, b"")
    assert complete("once invoke -f e", monkeypatch, capsys).strip() == ""


def test_the_help_says_of_each_command_what_the_command_says_of_itself() -> None:
    for name, (module, text) in COMMANDS.items():
        command = import_module(f"invoke_once.cli.commands.{module}").command
        assert command.get_short_help_str(100) == text, name


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_without_a_token_on_its_command_line(cli: Cli, name: str) -> None:
    done = cli(name, "--help")
    assert done.code == 0
    assert "Usage: once " in done.out
    assert "--token" not in done.out
    assert len(re.findall(r"^ .*\bonce ", done.out.partition("Examples:")[2], re.MULTILINE)) >= 2


def test_the_help_is_there_in_no_time() -> None:
    """Processor time, which other work on the machine does not lengthen."""
    import resource

    def spent_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    code, took = "from invoke_once.cli import main; main()", []
    for _ in range(3):
        began = spent_s()
        subprocess.run([sys.executable, "-c", code, "--help"], check=True, capture_output=True)
        took.append(spent_s() - began)
    assert min(took) < 0.2


def test_the_version_is_the_packages(cli: Cli) -> None:
    import tomllib

    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert cli("--version").out == f"once {project['version']}\n"
