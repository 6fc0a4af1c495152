"""`once` against the deployed service: in this process, and in one of its own where it has a terminal or a signal."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from invoke_once.cli.root import run
from tests.once_process import environment, in_pipes, on_terminal
from tests.service import Service, until

Env = dict[str, str]


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def env(stack: Service, tmp_path: Path) -> Env:
    secret = stack.env["ONCE_WEBHOOK_SECRET"]
    return environment(stack.url, stack.default_token, str(tmp_path), ONCE_WEBHOOK_SECRET=secret)


@pytest.fixture
def cli(env: Env, capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*args: str, **more: str) -> Done:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in (env | more).items():
                patched.setenv(name, value)
            code = run(args)
        got = capsys.readouterr()
        assert not any(line.startswith("Traceback") for line in got.err.splitlines())  # a handler's is set in
        return Done(code, got.out, got.err)

    return call


def as_json(value: object) -> str:
    return json.dumps(value)


def run_id_in(text: str) -> str:
    found = re.search(r"run_[a-z2-7]{26}", text)
    assert found, text
    return found[0]


def started(cli: Cli, function: str, value: object, *more: str) -> str:
    done = cli("invoke", "-f", function, "-d", as_json(value), *more)
    assert done.code == 0, done.err
    return done.out.strip()


def test_json_is_the_document_with_the_output(cli: Cli) -> None:
    done = cli("invoke", "-f", "echo", "-d", '{"a": [1, "ä"]}', "--wait", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["output"] == {"a": [1, "ä"]}


def test_a_pipe_gets_plain_lines_and_a_cancelled_run_exits_with_4_for_who_waits(cli: Cli, env: Env) -> None:
    with in_pipes(["invoke", "-f", "sleep", "-d", '{"seconds": 60}', "--wait"], env) as once:
        run_id = run_id_in(once.until("running").until("%").seen)
        assert cli("cancel", run_id).code == 0
        assert once.finish() == 4
    assert re.search(rf"^{run_id} running \d+%", once.seen, re.MULTILINE), once.seen
    assert "\x1b" not in once.seen


@pytest.mark.parametrize(
    "args",
    [
        ["invoke", "-f", "nobody"],
        ["invoke", "-f", "sleep", "-d", '{"seconds": "long"}'],
        ["invoke", "-f", "echo", "--callback", "ftp://x.test/"],
        ["status", "run_aaaaaaaaaaaaaaaaaaaaaaaaaa"],
        ["logs", "run_aaaaaaaaaaaaaaaaaaaaaaaaaa"],
        ["functions", "nobody"],
    ],
    ids=" ".join,
)
def test_a_mistake_exits_with_2(cli: Cli, args: Sequence[str]) -> None:
    done = cli(*args)
    assert (done.code, done.out) == (2, ""), done
    assert done.err.strip()


def test_a_key_used_for_another_input_is_a_mistake(cli: Cli) -> None:
    key = str(uuid.uuid4())
    first = started(cli, "echo", 1, "--key", key)
    assert started(cli, "echo", 1, "--key", key) == first
    assert cli("invoke", "-f", "echo", "-d", "2", "--key", key).code == 2


def test_giving_up_exits_with_5_and_the_run_goes_on(cli: Cli, stack: Service) -> None:
    done = cli("invoke", "-f", "sleep", "-d", '{"seconds": 3}', "--timeout", "1")
    assert done.code == 5
    assert stack.wait(run_id_in(done.err))["status"] == "succeeded"


def test_ctrl_c_on_a_terminal_leaves_the_run_going_and_attach_comes_back_to_it(
    cli: Cli, env: Env, stack: Service
) -> None:
    with on_terminal(["invoke", "-f", "sleep", "-d", '{"seconds": 5}', "--wait"], env) as once:
        once.until("running").until("━").until("%")
        assert once.interrupt().finish() == 130
    assert "Traceback" not in once.seen
    run_id = run_id_in(once.seen[once.seen.index("once attach") :])
    assert stack.run(run_id)["status"] == "running"
    done = cli("attach", run_id, "--json")
    assert (done.code, json.loads(done.out)["status"]) == (0, "succeeded")


def test_a_large_output_comes_whole(cli: Cli) -> None:
    size = 3_000_000
    done = cli("invoke", "-f", "echo", "-d", as_json({"__size": size}), "--wait")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)) == size


def test_a_large_input_goes_whole(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text(as_json({"text": "ä" * 100_000}))
    done = cli("invoke", "-f", "echo", "-p", str(file), "--wait")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"text": "ä" * 100_000}


def test_the_log_is_shown_while_waiting_and_afterwards(cli: Cli) -> None:
    done = cli("invoke", "-f", "fail", "-d", '{"message": "sand in it", "times": 9}', "--log")
    assert done.code == 1
    run_id = run_id_in(done.err)
    lines = cli("logs", run_id).out.splitlines()
    assert "attempt 1 began" in lines[0]
    assert "attempt 1 ended" in lines[-1]
    assert [line for line in done.err.splitlines() if line in lines] == lines
    assert cli("logs", run_id, "--follow").out.splitlines() == lines
    events = [json.loads(line) for line in cli("logs", run_id, "--json").out.splitlines()]
    assert {event["attempt"] for event in events} == {1}


def test_status_and_list_find_a_run_by_what_it_was_given(cli: Cli) -> None:
    key, team = str(uuid.uuid4()), uuid.uuid4().hex
    run_id = started(cli, "echo", 1, "--key", key, "--label", f"team={team}")
    assert cli("attach", run_id).out == "1\n"
    assert "succeeded" in cli("status", run_id).out
    for wanted in (["--key", key], ["--label", f"team={team}"], ["--label", f"team={team}", "-s", "succeeded"]):
        done = cli("list", *wanted, "--since", "10m", "--json")
        assert [run["id"] for run in json.loads(done.out)] == [run_id], done.err
    assert cli("list", "-n", "3").code == 0


def test_a_failed_run_is_retried(cli: Cli) -> None:
    run_id = started(cli, "fail", {"message": "once more", "times": 1})
    done = cli("attach", run_id)
    assert done.code == 1
    assert "once more" in done.err
    assert "Traceback" in cli("status", run_id, "--trace").out
    assert cli("retry", run_id, "--wait").code == 0


def test_a_callback_is_received_verified_and_sent_again(cli: Cli, env: Env) -> None:
    with in_pipes(["listen", "--count", "2"], env) as receiver:
        url = re.findall(r"http://127\.0\.0\.1:\d+/", receiver.until("(Ctrl-C").seen)[0]
        run_id = started(cli, "echo", 1, "--callback", url)
        until(lambda: cli("deliveries", run_id).out, message="no delivery was recorded")
        assert cli("deliveries", run_id, "--send-again").code == 0
        assert receiver.finish() == 0
        lines = receiver.stdout().splitlines()
    assert len(lines) == 2
    assert len(set(lines)) == 1, "the webhook-id changed"
    assert lines[0].startswith(f"run.succeeded  {run_id}  echo  verified")


def test_tokens_are_made_used_and_revoked(cli: Cli) -> None:
    done = cli("tokens", "create", "--scope", "runs:read", "--expires-in", "1h", "--json")
    assert done.code == 0, done.err
    made = json.loads(done.out)
    assert cli("list", ONCE_TOKEN=made["token"]).code == 0
    refused = cli("invoke", "-f", "echo", ONCE_TOKEN=made["token"])
    assert (refused.code, "runs:write" in refused.err) == (2, True)
    assert made["id"] in cli("tokens", "list").out
    assert cli("tokens", "revoke", made["id"]).code == 0
    assert made["id"] not in cli("tokens", "list").out


def test_the_doctor_finds_nothing_wrong_and_then_a_wrong_token(cli: Cli) -> None:
    done = cli("doctor")
    assert done.code == 0, done.out
    done = cli("doctor", ONCE_TOKEN="once_0123456789abcdef_" + "x" * 43)
    assert (done.code, "wrong, expired or revoked" in done.out) == (2, True), done.out


def test_functions_are_listed_with_their_limits(cli: Cli) -> None:
    names = {line.partition("\t")[0] for line in cli("functions").out.splitlines()}
    assert {"report", "sleep", "fail", "crash", "echo", "count", "node-hello"} <= names
    assert json.loads(cli("functions", "crash").out)["timeout_seconds"] == 6
