"""The commands beside invoke and attach."""

from __future__ import annotations

import json
import subprocess
import sys
from email.utils import formatdate
from importlib import import_module
from pathlib import Path

import pytest

from invoke_once.cli.root import COMMANDS
from invoke_once.cli.views import describe
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


def test_what_a_queued_run_waits_for_is_in_its_status() -> None:
    waits = {"waiting_for": "backoff", "next_attempt_at": "2026-11-23T10:01:00.000Z", "attempt": 1, "max_attempts": 3}
    run = RunInfo({"id": "run_a", "status": "queued", "error": {"type": "ValueError", "message": "no"}} | waits)
    assert describe(run) == "queued (attempt 1 of 3) for its backoff until 2026-11-23T10:01:00.000Z: ValueError: no"


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


def complete(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    from invoke_once.cli.root import once

    monkeypatch.setenv("_ONCE_COMPLETE", "bash_complete")
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
