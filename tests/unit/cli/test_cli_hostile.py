"""`once` where the shell, the environment or a run's text is against it: one sentence, one code, no traceback."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.once_fake import OK_ENDING, TOKEN, FakeOnce, serve
from tests.once_process import PROGRAM, environment, on_terminal
from tests.unit.cli.conftest import Cli

ONCE = shlex.join(PROGRAM)
EVIL = "a\x1b[2J\x07\x85\x9b31m\x9d0;x\x9c\u202e\u2066\u2028\u2029\u200b\ufeff\U000e0041\rforged\nt9  line"


@pytest.fixture
def fake() -> FakeOnce:
    return FakeOnce()


@pytest.fixture
def env(fake: FakeOnce, tmp_path: Path) -> Iterator[dict[str, str]]:
    with serve(fake) as url:
        yield environment(url, TOKEN, str(tmp_path), PYTHONPATH=os.fspath(Path.cwd()))


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("once --help > /dev/full", 74, "No space left on device"),
        ("once list --help > /dev/full", 74, "No space left on device"),
        ("once functions > /dev/full", 74, "No space left on device"),
        ("once functions --json > /dev/full", 74, "No space left on device"),
        ("once invoke -f echo --wait > /dev/full", 74, "No space left on device"),
        ("once completion bash > /dev/full", 74, "No space left on device"),
        ("once functions >&-", 74, "cannot write the output"),
        ("once functions 2>&- | grep -c echo", 0, ""),
        ("once invoke -f fail --wait 2> /dev/full", 1, ""),
        ("once invoke -f echo -d - <&-", 2, "not JSON"),
        ("once configure <&-", 2, "once --url URL configure"),
        ("ALL_PROXY=socks5://u:s3cret@127.0.0.1:9 once --url https://x.test list", 2, "ALL_PROXY"),
        ("HTTPS_PROXY=gopher://u:s3cret@h once --url https://x.test list", 2, "HTTPS_PROXY"),
        ("SSL_CERT_FILE=/nowhere once --url https://x.test list", 2, "SSL_CERT_FILE"),
        ("ONCE_URL='http://a b' once list", 2, "not a service URL"),
        ("ONCE_URL='http://[::1' once list", 2, "not a service URL"),
        ("ONCE_URL=$ONCE_URL$(printf '/\\r') once functions", 0, ""),
        ("ONCE_TOKEN=$(printf 'a\\tb') once functions", 2, "the token holds"),
        ("XDG_CONFIG_HOME=/dev/null once --profile x list", 2, "cannot read"),
        ("once list --since 999999999d", 2, "longer than a hundred years"),
        ("once list -f $(printf '\\377')", 2, "not UTF-8"),
        ("once invoke -f $(printf '\\377')", 2, "not JSON"),
        ("once invoke -f echo --callback $(printf '\\377')", 2, "not JSON"),
        ("once status $(printf '\\377')", 2, "not a run id"),
        ("COLUMNS=0 once functions", 0, ""),
        ("COLUMNS=x LINES=-1 TERM= once functions", 0, ""),
    ],
)
def test_what_the_shell_and_the_environment_do_is_a_sentence(
    env: dict[str, str], line: str, code: int, says: str
) -> None:
    program = f'once() {{ {ONCE} "$@"; }}; set -o pipefail; {line}'
    done = subprocess.run(["bash", "-c", program], env=env, capture_output=True, text=True, errors="replace")
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_a_mistake_of_ours_is_a_sentence_and_not_a_failed_run(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from invoke_once.client import profile

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(profile, "resolve", broken)
    done = cli("functions")
    assert (done.code, "ZeroDivisionError: by zero" in done.err) == (70, True)


def is_harmless(text: str) -> bool:
    return all(char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs") for char in text)


@pytest.fixture
def evil_run(cli: Cli, fake: FakeOnce) -> str:
    run_id = cli("invoke", "-f", "echo", "-q").out.strip()
    fake.scripts[run_id] = []
    error = {"type": EVIL, "message": EVIL, "trace": EVIL}
    fake.runs[run_id] |= OK_ENDING | {"output": {EVIL: EVIL}, "error": error, "labels": {EVIL: EVIL}}
    fake.logs[run_id] = [{"time": EVIL, "message": EVIL, "attempt": 1}]
    fake.deliveries[run_id] = [{"attempt": 1, "at": EVIL, "status_code": None, "error": EVIL, "latency_ms": 1}]
    return run_id


def test_no_text_of_a_run_reaches_the_terminal_as_it_is(cli: Cli, evil_run: str, fake: FakeOnce) -> None:
    commands = [
        ("status", evil_run),
        ("status", evil_run, "--json"),
        ("status", evil_run, "--trace"),
        ("list",),
        ("list", "--json"),
        ("attach", evil_run),
        ("attach", evil_run, "--json"),
        ("attach", evil_run, "--log"),
        ("logs", evil_run),
        ("logs", evil_run, "--json"),
        ("deliveries", evil_run),
        ("deliveries", evil_run, "--json"),
        ("cancel", evil_run),
        ("retry", evil_run, "--wait"),
    ]
    for status in ("succeeded", "failed"):
        fake.runs[evil_run]["status"] = status
        for command in commands:
            done = cli(*command)
            assert is_harmless(done.out + done.err), (command, done.out, done.err)


def test_escaped_json_is_json_of_the_same_value(cli: Cli, evil_run: str) -> None:
    assert json.loads(cli("attach", evil_run).out) == {EVIL: EVIL}
    assert json.loads(cli("status", evil_run, "--json").out)["labels"] == {EVIL: EVIL}
    assert json.loads(cli("logs", evil_run, "--json").out)["message"] == EVIL


def test_no_line_of_a_message_passes_for_a_line_of_the_log(cli: Cli, fake: FakeOnce, evil_run: str) -> None:
    fake.logs[evil_run] = [{"time": "t1", "message": "a\nt2  forged\r\nt3  too\x0bt4\x85t5\u2028t6", "attempt": 1}]
    replaced = "\N{REPLACEMENT CHARACTER}"
    assert cli("logs", evil_run).out.split("\n") == [
        "t1  a",
        "    t2  forged",
        f"    t3  too{replaced}t4{replaced}t5{replaced}t6",
        "",
    ]


def test_a_terminal_gets_the_same(env: dict[str, str], fake: FakeOnce, evil_run: str) -> None:
    for command in (["list"], ["attach", evil_run], ["status", evil_run, "--json"]):
        with on_terminal(command, env) as once:
            once.finish()
        assert is_harmless(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", once.seen.replace("\r", ""))), once.seen


def test_a_number_is_sent_with_every_digit(cli: Cli, fake: FakeOnce, tmp_path: Path) -> None:
    text = '{ "n": 12345678901234567890123.4567, "e": 1E+400, "z": -0.0,\n "big": ' + "9" * 4000 + ', "s": "\\u00e9" }'
    file = tmp_path / "in.json"
    file.write_text(f"\ufeff{text}\n")
    for how in (("-p", str(file)), ("-d", text)):
        assert cli("invoke", "-f", "echo", *how).code == 0
        assert b'"input":' + text.encode() in fake.last("POST").body
