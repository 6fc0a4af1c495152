"""`once invoke` and `once attach`: what they print where, and with which code they exit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.once_fake import BIG, REFUSED, FakeOnce, problem
from tests.unit.cli.conftest import Cli


def test_without_wait_the_id_is_on_stdout_and_how_to_follow_on_stderr(fake: FakeOnce, cli: Cli) -> None:
    done = cli("invoke", "-f", "echo", "-d", "{}")
    run_id = next(iter(fake.runs))
    assert (done.code, done.out) == (0, f"{run_id}\n")
    assert f"once attach {run_id}" in done.err


def test_with_wait_the_output_is_on_stdout_and_the_progress_on_stderr(cli: Cli) -> None:
    done = cli("invoke", "-f", "steps", "--wait")
    assert (done.code, done.out) == (0, '"done"\n')
    lines = [line.partition(" ")[2] for line in done.err.splitlines()]
    assert lines == [
        "queued",
        "running 25% a quarter",
        "running 50% half \N{REPLACEMENT CHARACTER}[31mway",
        "succeeded in 3.2 s",
    ]


def test_json_is_the_document_and_nothing_else(cli: Cli) -> None:
    done = cli("invoke", "-f", "echo", "-d", '{"a": "ä"}', "--wait", "--json")
    document = json.loads(done.out)
    assert (document["status"], document["output"]) == ("succeeded", {"a": "ä"})


def test_json_without_wait_is_the_document_as_it_was_accepted(cli: Cli) -> None:
    done = cli("invoke", "-f", "echo", "--json")
    assert json.loads(done.out)["status"] == "queued"
    assert done.err == ""


def test_json_holds_a_large_output_too(cli: Cli, monkeypatch: pytest.MonkeyPatch, fake: FakeOnce) -> None:
    monkeypatch.setattr(fake, "_payload", lambda seen, run_id, part: fake._bucket(seen))
    assert json.loads(cli("invoke", "-f", "big", "--wait", "--json").out)["output"] == BIG


@pytest.mark.parametrize(("function", "code"), [("fail", 1), ("crash", 3), ("late", 4)])
def test_the_exit_code_is_the_outcome(cli: Cli, function: str, code: int) -> None:
    done = cli("invoke", "-f", function, "--wait")
    assert done.code == code
    assert done.out == ""
    assert cli("invoke", "-f", function, "--wait", "--json").code == code


def test_a_failure_says_why_and_where_its_trace_is(cli: Cli, fake: FakeOnce) -> None:
    done = cli("invoke", "-f", "fail", "--wait")
    run_id = next(iter(fake.runs))
    assert f"{run_id} failed: RuntimeError: boom" in done.err
    assert f"once status --trace {run_id}" in done.err


def test_a_cancelled_run_exits_with_4(cli: Cli, fake: FakeOnce) -> None:
    cli("invoke", "-f", "hang")
    run_id = next(iter(fake.runs))
    assert cli("cancel", run_id).out == f"{run_id} cancelled\n"
    assert cli("attach", run_id).code == 4


def test_giving_up_exits_with_5_and_leaves_the_run(cli: Cli, fake: FakeOnce) -> None:
    done = cli("invoke", "-f", "hang", "--timeout", "1s")
    run_id = next(iter(fake.runs))
    assert done.code == 5
    assert f"once attach {run_id}" in done.err
    assert fake.runs[run_id]["status"] == "running"


def test_a_service_that_is_not_there_exits_with_6_and_names_the_key(cli: Cli, fake: FakeOnce) -> None:
    fake.always = REFUSED
    done = cli("invoke", "-f", "echo", "--wait", "--key", "monday")
    assert done.code == 6
    assert "--key monday" in done.err
    assert "once doctor" in done.err


def test_attach_prints_the_output_of_what_has_ended_already(cli: Cli, fake: FakeOnce) -> None:
    cli("invoke", "-f", "echo", "-d", "[1]", "--wait")
    done = cli("attach", next(iter(fake.runs)), "--json")
    assert (done.code, json.loads(done.out)["output"]) == (0, [1])


def test_quiet_says_nothing_on_stderr(cli: Cli) -> None:
    done = cli("invoke", "-f", "steps", "--wait", "-q")
    assert (done.out, done.err) == ('"done"\n', "")


def test_the_same_key_is_the_same_run_and_is_said_to_be(cli: Cli) -> None:
    first = cli("invoke", "-f", "hang", "--key", "k")
    second = cli("invoke", "-f", "hang", "--key", "k")
    assert first.out == second.out
    assert f"this key had a run already: {first.out.strip()}, " in second.err
    assert " old, queued" in second.err


def test_a_key_whose_run_failed_says_how_to_run_it_again(cli: Cli, fake: FakeOnce) -> None:
    cli("invoke", "-f", "fail", "--key", "k", "--wait", "-q")
    [run_id] = fake.runs
    done = cli("invoke", "-f", "fail", "--key", "k", "--wait")
    assert done.code == 1
    assert "old, failed: RuntimeError: boom" in done.err
    assert f"once retry {run_id}" in done.err
    assert "--if-failed rerun" in done.err
    assert cli("invoke", "-f", "fail", "--key", "k", "--json").err == ""


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "wrong, expired or revoked"),
        (403, "another scope"),
        (404, "`once list`, `once batch list` and"),
        (413, "put it in S3"),
    ],
)
def test_what_the_service_refuses_is_said_in_a_shells_words(cli: Cli, fake: FakeOnce, status: int, says: str) -> None:
    fake.always = problem(status, "name", "because")
    done = cli("status", "run_" + "a" * 26)
    assert (done.code, says in done.err, "HTTP" in done.err) == (2, True, False)


def test_every_option_reaches_the_service(cli: Cli, fake: FakeOnce) -> None:
    flags = "--callback http://127.0.0.1:1/ --delay 1.5m --queue-timeout 2h --retry-max 3 --retry-backoff 5"
    more = "--retry-max-backoff 1m --if-failed rerun --label team=data --label env=a=b --key k --concurrency a:b:3"
    assert cli("invoke", "-f", "echo", *flags.split(), *more.split()).code == 0
    seen = fake.last("POST")
    assert seen.headers["idempotency-key"] == '"k"'
    assert json.loads(seen.body) == {
        "function": "echo",
        "callback": {"url": "http://127.0.0.1:1/"},
        "delay_seconds": 90,
        "queue_timeout_seconds": 7200,
        "retry": {"max_attempts": 3, "backoff_seconds": 5, "max_backoff_seconds": 60},
        "if_failed": "rerun",
        "labels": {"team": "data", "env": "a=b"},
        "concurrency": {"key": "a:b", "max": 3},
    }


@pytest.mark.parametrize("wrong", ["key", ":2", "key:0", "key:1001", "key:two", "key:12345678901", "key:²"])
def test_a_limit_that_is_none_is_refused_before_anything_is_sent(cli: Cli, fake: FakeOnce, wrong: str) -> None:
    done = cli("invoke", "-f", "echo", "--concurrency", wrong)
    assert done.code == 2 and "KEY:MAX" in done.err and not fake.seen


def test_no_callback_overrides_the_functions_default(cli: Cli, fake: FakeOnce) -> None:
    assert cli("invoke", "-f", "echo", "--no-callback").code == 0
    assert json.loads(fake.last("POST").body) == {"function": "echo", "callback": None}
    assert cli("invoke", "-f", "echo", "--no-callback", "--callback", "http://127.0.0.1:1/").code == 2


def test_the_input_comes_from_a_file_or_from_stdin(
    cli: Cli, fake: FakeOnce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.json"
    file.write_bytes(b'\xef\xbb\xbf{"n": 9007199254740993}')
    cli("invoke", "-f", "echo", "-p", str(file))
    assert b"9007199254740993" in fake.last("POST").body
    for flag in ("-d", "-p"):
        stdin = io.BytesIO('{"ä": 1}'.encode())
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stdin, isatty=lambda: False))
        assert cli("invoke", "-f", "echo", flag, "-").code == 0
        assert json.loads(fake.last("POST").body)["input"] == {"ä": 1}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["invoke"], "--function"),
        (["invoke", "-f", "echo", "-d", "{"], "not JSON"),
        (["invoke", "-f", "echo", "-d", "hello"], "quotes"),
        (["invoke", "-f", "echo", "-d", "NaN"], "NaN"),
        (["invoke", "-f", "echo", "-d", '{"a": 1, "a": 2}'], "twice"),
        (["invoke", "-f", "echo", "-d", "[" * 100_000], "not JSON"),
        (["invoke", "-f", "echo", "-d", '"\\ud800"'], "not JSON"),
        (["invoke", "-f", "echo", "-d", "1", "-p", "x"], "not with both"),
        (["invoke", "-f", "echo", "-p", "/nowhere/in.json"], "cannot read /nowhere/in.json"),
        (["invoke", "-f", "echo", "-p", "/"], "cannot read /"),
        (["invoke", "-f", "nobody"], "no function nobody. `once functions`"),
        (["invoke", "-f", "ecko"], "no function ecko. Did you mean echo?"),
        (["functions", "fial"], "no function fial. Did you mean fail?"),
        (["functions", "pause", "fial"], "no function fial. Did you mean fail?"),
        (["list", "--statsu", "failed"], "--status"),
        (["list", "--status", "faild"], "did you mean failed?"),
        (["list", "--status", ","], "names no status"),
        (["list", "--label", "a=1", "--label", "a=2"], "'a' is given twice"),
        (["invoke", "-f", "echo", "--label", "a=1", "--label", "a=2"], "'a' is given twice"),
        (["cancel", "--all", "--label", "a=1", "--label", "a=2", "--yes"], "'a' is given twice"),
        (["functions", "echo", "--reason", "x"], "--reason goes with: pause"),
        (["functions", "resume", "echo", "--reason", "x"], "--reason goes with: pause"),
        (["list", "--watch", "--json"], "do not go together"),
        (["status", "latest"], "there is no run yet"),
        (["status", "run_abc"], "too short"),
        (["status", "run_abcd"], "begins with run_abcd"),
        (["invoke", "-f", "echo", "-d", '"refuse"'], "/input: must be an object"),
        (["invoke", "-f", "echo", "--timeout", "soon"], "not a duration"),
        (["invoke", "-f", "echo", "--label", "x"], "not a label"),
        (["invoke", "-f", "echo", "--key", ""], "idempotency key"),
        (["invoke", "-f", "echo", "--retry-max", "0"], "0"),
        (["invoke", "-f", "echo", "--if-failed", "maybe"], "maybe"),
        (["attach"], "RUN"),
        (["attach", "run_" + "u" * 26], "no run run_uuu"),
        (["attach", "../tokens"], "not a run id"),
        (["logs", "batch_" + "u" * 26], "is a batch, and only its runs have logs: `once batch results --all"),
        (["output", "batch_" + "u" * 26], "only its runs have an output"),
        (["stauts"], "Did you mean status?"),
        (["--url", "ftp://x.test", "list"], "not a service URL"),
        (["--profile", "nope", "list"], "no profile 'nope'"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_a_sentence_and_exits_with_2(cli: Cli, args: list[str], says: str) -> None:
    done = cli(*args)
    assert done.code == 2
    assert says in done.err
    assert done.out == ""


def test_a_file_that_is_not_utf8_is_a_mistake(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_bytes(b'"\xff"')
    done = cli("invoke", "-f", "echo", "-p", str(file))
    assert (done.code, "not UTF-8" in done.err) == (2, True)


def test_a_token_that_is_missing_or_wrong_is_a_mistake(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_TOKEN", "once_wrong_x")
    done = cli("invoke", "-f", "echo")
    assert (done.code, "revoked" in done.err) == (2, True)
    monkeypatch.delenv("ONCE_TOKEN")
    done = cli("invoke", "-f", "echo")
    assert (done.code, "ONCE_TOKEN" in done.err) == (2, True)


def test_log_shows_the_lines_while_waiting(cli: Cli, fake: FakeOnce) -> None:
    cli("invoke", "-f", "steps", "--key", "k")
    run_id = next(iter(fake.runs))
    fake.logs[run_id] = [{"time": "10:00", "message": f"line {n}\r\n\x07", "attempt": 1} for n in range(3)]
    done = cli("attach", run_id, "--log")
    assert [line for line in done.err.splitlines() if line.startswith("10:00")] == [
        f"10:00  line {n}\n\N{REPLACEMENT CHARACTER}".splitlines()[0] for n in range(3)
    ]
    assert done.out == '"done"\n'


def test_an_unreadable_log_does_not_end_the_wait(cli: Cli, fake: FakeOnce, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.once_fake import problem

    monkeypatch.setattr(fake, "_logs", lambda *_: problem(403, "forbidden", "no logs for you"))
    done = cli("invoke", "-f", "steps", "--log")
    assert (done.code, done.err.count("no logs for you")) == (0, 1)


def test_retry_runs_it_again_and_can_wait(cli: Cli, fake: FakeOnce) -> None:
    cli("invoke", "-f", "fail", "--wait")
    run_id = next(iter(fake.runs))
    done = cli("retry", run_id, "--wait")
    assert (done.code, done.out) == (0, '"second time lucky"\n')
    done = cli("retry", run_id)
    assert (done.code, "succeeded" in done.err) == (2, True)
