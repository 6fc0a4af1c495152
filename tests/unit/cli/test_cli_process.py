"""`once` as a process: on a terminal, in pipes, and under Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from invoke_once.client import Once
from tests.once_fake import TOKEN, FakeOnce, serve
from tests.once_process import PROGRAM, environment, in_pipes, on_terminal

Env = dict[str, str]
RUN = "run_" + "x" * 26


@pytest.fixture
def fake() -> FakeOnce:
    return FakeOnce()


@pytest.fixture
def env(fake: FakeOnce, tmp_path: Path) -> Iterator[Env]:
    with serve(fake) as url:
        yield environment(url, TOKEN, str(tmp_path), PYTHONPATH=os.fspath(Path.cwd()))


def started(env: Env, function: str, key: str) -> str:
    """A run that is there already; its id."""
    with Once(env["ONCE_URL"], TOKEN) as client:
        return client.start(function, key=key).id


def test_a_terminal_shows_a_bar_and_what_the_handler_says(env: Env) -> None:
    with on_terminal(["invoke", "-f", "hang", "--wait"], env) as once:
        once.until("━").until("10%").until("for ever")


def test_a_terminal_is_left_tidy_after_a_success(env: Env) -> None:
    with on_terminal(["invoke", "-f", "echo", "-d", '{"a": 1}', "--wait"], env) as once:
        assert once.finish() == 0
    assert "succeeded in 3.2 s" in once.seen
    assert '"a": 1' in once.seen
    hides, shows = once.seen.count("\x1b[?25l"), once.seen.count("\x1b[?25h")
    assert shows >= hides > 0


def test_ctrl_c_on_a_terminal_says_how_to_come_back(env: Env, fake: FakeOnce) -> None:
    with on_terminal(["invoke", "-f", "hang", "--wait"], env) as once:
        assert once.until("for ever").interrupt().finish() == 130
    [run_id] = fake.runs
    assert f"once attach {run_id}" in once.seen
    assert once.seen.count("\x1b[?25h") >= 1
    assert "Traceback" not in once.seen
    assert fake.count("POST", f"/runs/{run_id}/cancel") == 0


def test_ctrl_c_in_a_pipe_leaves_the_run_going(env: Env, fake: FakeOnce) -> None:
    with in_pipes(["invoke", "-f", "hang", "--wait", "--json"], env) as once:
        assert once.until("running").interrupt().finish() == 130
        assert once.stdout() == ""
    [run_id] = fake.runs
    assert f"once attach {run_id}" in once.seen
    assert "Traceback" not in once.seen


def test_ctrl_c_before_the_service_has_answered_names_the_key(env: Env, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        env["ONCE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with in_pipes(["invoke", "-f", "echo", "--key", "monday", "--wait"], env) as once:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1)
                assert once.interrupt().finish() == 130
    assert "--key monday" in once.seen
    assert "Traceback" not in once.seen


def test_a_pipe_gets_no_colours_and_no_cursor_movements(env: Env) -> None:
    with in_pipes(["invoke", "-f", "steps", "--wait"], env) as once:
        assert once.finish() == 0
        assert once.stdout() == '"done"\n'
    assert "\x1b" not in once.seen


def test_a_dumb_terminal_gets_plain_lines(env: Env) -> None:
    with on_terminal(["invoke", "-f", "steps", "--wait"], env | {"TERM": "dumb"}) as once:
        once.finish()
    assert "running" in once.seen


def test_a_list_on_a_terminal_is_a_table_that_no_text_can_break(env: Env) -> None:
    started(env, "echo", "[bold]k[/bold]")
    with on_terminal(["list"], env) as once:
        assert once.finish() == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", once.seen)
    assert "status" in shown
    assert "[bold]k[/bold]" in shown


def test_an_id_is_shown_whole_on_the_narrowest_terminal(env: Env, fake: FakeOnce) -> None:
    run_id = started(env, "echo", "k" * 100)
    with on_terminal(["list"], env | {"COLUMNS": "60"}) as once:
        assert once.finish() == 0
    assert run_id in once.seen


def test_a_list_fits_the_terminal_and_says_age_duration_and_reason(env: Env, fake: FakeOnce) -> None:
    with Once(env["ONCE_URL"], TOKEN) as client:
        runs = [client.start(function) for function in ("echo", "fail", "hang")]
        for run in runs[:2]:
            run.wait()
    for run in fake.runs.values():
        run["function"] = "a-function-with-a-name-that-is-long"
    fake.runs[next(iter(fake.runs))]["idempotency_key"] = "漢字" * 50
    for width in (60, 80, 160):
        with on_terminal(["list"], env | {"COLUMNS": str(width)}) as once:
            assert once.finish() == 0
        lines = re.sub(r"\x1b\[[0-9;]*m", "", once.seen).replace("\r", "").splitlines()
        assert len(lines) == 4
        assert max(cell_len(line) for line in lines) <= width
        if width < 80:
            continue
        assert lines[0].split()[:5] == ["run", "status", "function", "age", "took"]
        assert re.search(r" \d+ [dhms] +3\.2 s boom| \d+ [dhms]  3\.2 s  boom", lines[2]), lines[2]


def test_a_live_line_says_which_run_and_what_it_waits_for(env: Env, fake: FakeOnce) -> None:
    waits = {"status": "queued", "attempt": 1, "max_attempts": 3, "waiting_for": "backoff"}
    run_id = started(env, "hang", "k")
    fake.scripts[run_id] = [waits | {"next_attempt_at": "2999-01-01T00:00:00Z"}]
    with on_terminal(["attach", run_id], env | {"COLUMNS": "200"}) as once:
        once.until(run_id).until("(attempt 1 of 3), waiting for its next attempt until ")


def test_watching_a_list_in_a_pipe_prints_what_changes(env: Env, fake: FakeOnce) -> None:
    run_id = started(env, "hang", "k")
    process = subprocess.Popen([*PROGRAM, "list", "--watch"], stdout=subprocess.PIPE, env=env, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline().startswith(f"{run_id}\tqueued\t")
        fake.runs[run_id]["status"] = "running"
        assert process.stdout.readline().startswith(f"{run_id}\trunning\t")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_watching_a_list_on_a_terminal_draws_it_anew(env: Env, fake: FakeOnce) -> None:
    with on_terminal(["list", "-w"], env) as once:
        once.until("remark")
        started(env, "hang", "k")
        once.until("queued")
        assert once.interrupt().finish() == 130
    assert "Traceback" not in once.seen


def test_a_reader_that_goes_away_is_no_error_worth_a_word(env: Env, fake: FakeOnce) -> None:
    fake.logs[RUN] = [{"time": "t", "message": "x" * 1000} for _ in range(400)]
    fake.runs[RUN] = {"status": "succeeded"}
    process = subprocess.Popen([*PROGRAM, "logs", RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout, process.stderr:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_the_token_is_asked_for_without_showing_it(env: Env, tmp_path: Path) -> None:
    with on_terminal(["configure"], env) as once:
        once.until("URL of the service").type(env["ONCE_URL"] + "\n")
        once.until("Token").type(TOKEN + "\n")
        assert once.finish() == 0
    assert TOKEN not in once.seen
    file = tmp_path / ".config" / "invoke-once" / "config.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert TOKEN in file.read_text()


def test_output_that_the_locale_cannot_show_is_escaped_not_an_error(env: Env) -> None:
    env |= {"PYTHONIOENCODING": "ascii"}
    with in_pipes(["invoke", "-f", "echo", "-d", '"ä"', "--wait"], env) as once:
        assert once.finish() == 0
        assert json.loads(once.stdout()) == "ä"


@pytest.mark.parametrize("where", ["invoke_once/cli/root.py", "invoke_once/cli/__init__.py"])
def test_nothing_heavy_is_imported_on_the_way_in(where: str) -> None:
    heads = [line for line in Path(where).read_text().splitlines() if line.startswith(("import ", "from "))]
    assert not [line for line in heads if re.search(r"httpx|rich|invoke_once\.client\b|importlib\.metadata", line)]
