"""The registry: what functions.toml may say, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Meta, structs

from chalicelib import tables
from chalicelib.functions import SERVICE_NAMES, Function, Retry, Statement, load, target_of
from infra.paths import FUNCTIONS_TOML
from invoke_once.errors import ConfigurationError


def loaded(tmp_path: Path, text: str) -> dict[str, Function]:
    file = tmp_path / "functions.toml"
    file.write_text(text)
    return load(file, "stack")


def test_a_handler_alone_is_enough(tmp_path: Path) -> None:
    (function,) = loaded(tmp_path, '[functions.mine]\nhandler = "chalicelib.jobs.mine.handler"').values()
    assert function == Function(name="mine", target="stack-mine", handler="chalicelib.jobs.mine.handler")
    assert function.deployed
    assert function.retry == Retry(max_attempts=1)


def test_a_function_that_exists_elsewhere_keeps_its_name_and_is_not_deployed(tmp_path: Path) -> None:
    text = '[functions.mine]\ntarget = "arn:aws:lambda:eu-west-1:111122223333:function:theirs"\nqualifier = "live"'
    function = loaded(tmp_path, text)["mine"]
    assert function.target == "arn:aws:lambda:eu-west-1:111122223333:function:theirs"
    assert function.qualifier == "live"
    assert not function.deployed


def test_every_key_is_taken(tmp_path: Path) -> None:
    function = loaded(
        tmp_path,
        """
        [functions.all]
        handler = "a.b"
        description = "text"
        timeout_seconds = 1800
        memory_mb = 1024
        tenant = "acme"
        mode = "destination"
        on_lost = "fail"
        retention_days = 7
        heartbeat_seconds = 30
        retry = { max_attempts = 3, backoff_seconds = 5, max_backoff_seconds = 60, jitter = false }
        schedule = "cron(0 12 * * ? *)"
        schedule_input = { a = 1 }
        environment = { LEVEL = "info" }
        permissions = [{ actions = ["s3:GetObject"], resources = ["arn:x"] }]
        tenants = ["acme", "demo"]
        tenant_isolation = true
        [functions.all.input_schema]
        type = "object"
        """,
    )["all"]
    assert function.retry == Retry(3, 5, 60, jitter=False)
    assert function.input_schema == {"type": "object"}
    assert (function.schedule, function.schedule_input) == ("cron(0 12 * * ? *)", {"a": 1})
    assert (function.mode, function.on_lost, function.heartbeat_seconds) == ("destination", "fail", 30)
    assert function.environment == {"LEVEL": "info"}
    assert (function.tenants, function.tenant_isolation) == (("acme", "demo"), True)
    assert function.permissions == (Statement(("s3:GetObject",), ("arn:x",)),)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "give exactly one of handler, code and target, not none"),
        ('handler = "a.b"\ntarget = "x"', "give exactly one of handler, code and target, not handler and target"),
        ('handler = "no-dot"', "handler = 'no-dot': expected str matching regex"),
        ('handler = "a.b"\ntimeout_seconds = 1801', "timeout_seconds: of a function deployed here at most 1800"),
        ('handler = "a.b"\ntimeout_seconds = true', "timeout_seconds = True: expected int"),
        ('handler = "a.b"\nmemory_mb = 64', "memory_mb = 64: expected int >= 128"),
        ('handler = "a.b"\nretention_days = 0', "retention_days = 0: expected int >= 1"),
        ('handler = "a.b"\non_lost = "maybe"', "on_lost = 'maybe': it is one of fail, retry"),
        ('handler = "a.b"\nmode = "wrapped"', "mode = 'wrapped': it is one of destination, tracked"),
        ('handler = "a.b"\ntimout_seconds = 3', "timout_seconds: there is no such key; did you mean timeout_seconds?"),
        (
            'handler = "a.b"\nretry = { attempts = 3 }',
            r"retry.attempts: there is no such key; did you mean max_attempts?",
        ),
        ('handler = "a.b"\nretry = { max_attempts = 0 }', "retry.max_attempts = 0: expected int >= 1"),
        (
            'handler = "a.b"\nretry = { backoff_seconds = 9, max_backoff_seconds = 3 }',
            "retry.max_backoff_seconds: shorter than backoff_seconds",
        ),
        ('handler = "a.b"\nqualifier = "live"', "qualifier: only for a target that exists elsewhere"),
        ('target = "no/name"', "target: 'no/name' is neither a Lambda's name nor its ARN"),
        ('handler = "a.b"\nschedule = "daily"', "schedule = 'daily': expected str matching regex '(rate|cron)"),
        ('target = "x"\nschedule = "rate(1 day)"', "schedule: only for a function deployed here"),
        ('handler = "a.b"\nschedule_input = { a = 1 }', "schedule_input: there is no schedule"),
        ('target = "x:live"\nqualifier = "live"', "qualifier: the target names one already"),
        ('handler = "a.b"\ntenant = "A B"', "tenant = 'A B': expected str matching"),
        (
            'handler = "a.b"\nenvironment = { ONCE_STACK = "x" }',
            "environment (ONCE_STACK): expected str matching",
        ),
        (
            'handler = "a.b"\npermissions = [{ actions = ["*"], resources = ["arn:x"] }]',
            "permissions[0].actions[0] = '*': ",
        ),
        ('target = "x"\nenvironment = { A = "x" }', "only for a function deployed here"),
        ('target = "x"\ntimeout_seconds = 5401', "timeout_seconds = 5401: expected int <= 5400"),
        ('handler = "a.b"\ntenants = []', "tenants = []: expected array of length >= 1"),
        ('handler = "a.b"\ntenants = ["demo\\n"]', "tenants[0] = 'demo\\n': expected str matching"),
        ('handler = "a.b"\nlog_group = "/x"', "log_group: only for a target that exists elsewhere"),
        ('handler = "a.b"\ntenant_isolation = 1', "tenant_isolation = 1: expected bool"),
        ('handler = "a.b"\nretry = 3', "retry = 3: expected object, got int"),
        ('handler = "a.b"\non_lost = "retri"', "on_lost = 'retri': it is one of fail, retry; did you mean retry?"),
        (
            'handler = "a.b"\npermissions = [{ action = ["a"] }]',
            "permissions[0].action: there is no such key; did you mean actions?",
        ),
        ('handler = "a.b"\nname = "x"', "name: there is no such key"),
        ('code = "dir"', "runtime: code and runtime go together"),
        ('code = "dir"\nruntime = "java25"', 'use mode = "destination"'),
    ],
)
def test_a_mistake_is_told_by_table_and_key(tmp_path: Path, body: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=r"functions.toml: \[functions.mine\]") as told:
        loaded(tmp_path, f"[functions.mine]\n{body}")
    assert complaint in str(told.value)


@pytest.mark.parametrize("name", ["Mine", "1st", "a_b", "x" * 41])
def test_a_name_that_cannot_be_a_lambdas_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="a name is lower-case letters"):
        loaded(tmp_path, f'[functions.{name}]\nhandler = "a.b"')


def test_the_services_own_names_are_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="stack-sweep is the service's own"):
        loaded(tmp_path, '[functions.sweep]\nhandler = "a.b"')


@pytest.mark.parametrize("text", ["", "[functions]", "functions = 3"])
def test_a_file_without_functions_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no table"):
        loaded(tmp_path, text)


def test_a_function_that_is_no_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\[functions.mine\] is not a table"):
        loaded(tmp_path, "[functions]\nmine = 3")


def test_what_is_not_toml_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not TOML: .*line 1"):
        loaded(tmp_path, "[functions.mine\n")


def test_an_unknown_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\[function\] is unknown.*; did you mean functions\?"):
        loaded(tmp_path, '[function.mine]\nhandler = "a.b"')


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "functions.toml", "stack")


def test_the_projects_own_registry_is_right() -> None:
    functions = load(FUNCTIONS_TOML, "invoke-once-local")
    assert {"report", "sleep", "fail", "crash", "echo", "count", "node-hello"} <= set(functions)
    assert functions["crash"].timeout_seconds == 6
    assert functions["count"].on_lost == "fail"
    assert functions["node-hello"].mode == "destination"


def test_a_function_that_says_nothing_has_these_values() -> None:
    assert structs.asdict(Function("mine", target="theirs")) == {
        "name": "mine", "target": "theirs", "description": "", "handler": "", "code": "", "runtime": "",
        "qualifier": "", "mode": "tracked", "tenant": "demo", "timeout_seconds": 60, "memory_mb": 256,
        "on_lost": "retry", "on_timeout": "fail", "max_legs": 100, "retention_days": 30, "heartbeat_seconds": 0,
        "max_running": 0, "retry": Retry(1, 10, 600, True), "input_schema": None, "schedule": "",
        "schedule_input": None, "environment": {}, "callback": "", "log_group": "", "tenants": (),
        "tenant_isolation": False, "permissions": (),
    }  # fmt: skip
    assert structs.asdict(Retry()) == {
        "max_attempts": 1, "backoff_seconds": 10, "max_backoff_seconds": 600, "jitter": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('target = "x"\non_timeout = "continue"\nmode = "destination"',
         " on_timeout: only a wrapped function has checkpoints to go on from"),
        ('code = "dir"\nruntime = "java25"',
         ' mode: only Python and Node.js functions can be wrapped: use mode = "destination"'),
        ('target = "x"\npermissions = [{ actions = ["a:B"], resources = ["arn:x"] }]',
         " permissions: only for a function deployed here: the other has a stack of its own"),
        ('handler = "a.b"\nretry = { max_attempts = 101 }', " retry.max_attempts = 101: expected int <= 100"),
        ('handler = "a.b"\nretry = { backoff_seconds = 86401 }',
         " retry.backoff_seconds = 86401: expected int <= 86400"),
        ('handler = "a.b"\npermissions = [{ actions = [], resources = ["arn:x"] }]',
         " permissions[0].actions = []: expected array of length >= 1"),
        ('handler = "a.b"\ninput_schema = 3', " input_schema = 3: expected object | null, got int"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_these_words(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        loaded(tmp_path, f"[functions.mine]\n{body}")
    assert str(refused.value) == f"functions.toml: [functions.mine]{told}"


@pytest.mark.parametrize("runtime", ["python3.13", "nodejs22.x"])
def test_code_of_a_language_that_can_be_wrapped_is_tracked(tmp_path: Path, runtime: str) -> None:
    assert loaded(tmp_path, f'[functions.f]\ncode = "dir"\nruntime = "{runtime}"')["f"].mode == "tracked"


def test_a_wait_is_at_most_the_longer_of_the_two_that_are_told(tmp_path: Path) -> None:
    body = '[functions.f]\nhandler = "a.b"\nretry = '
    assert loaded(tmp_path, body + "{ backoff_seconds = 900 }")["f"].retry == Retry(1, 900, 900)
    both = "{ backoff_seconds = 9, max_backoff_seconds = 9 }"
    assert loaded(tmp_path, body + both)["f"].retry == Retry(1, 9, 9)


def test_a_deployed_function_s_name_is_none_of_the_service_s_and_fits_lambda(tmp_path: Path) -> None:
    assert {"api", "stream", "wake", "sweep", "attend", "record"} == SERVICE_NAMES
    for name in SERVICE_NAMES:
        with pytest.raises(ConfigurationError, match=f"stack-{name} is the service's own"):
            loaded(tmp_path, f'[functions.{name}]\nhandler = "a.b"')
        assert loaded(tmp_path, f'[functions.{name}]\ntarget = "x"')
    file = tmp_path / "functions.toml"
    file.write_text(f'[functions.{"n" * 40}]\nhandler = "a.b"')
    (function,) = load(file, "s" * 23).values()
    assert len(function.target) == 64
    with pytest.raises(ConfigurationError, match="or over 64 characters"):
        load(file, "s" * 24)


def test_who_may_run_a_function_is_everybody_or_who_is_named() -> None:
    anybody, named = Function("f", target="t"), Function("f", target="t", tenants=("acme",))
    assert [one.may_be_run_by(tenant) for one in (anybody, named) for tenant in ("acme", "demo")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_a_target_s_qualifier_is_the_key_s_or_its_own() -> None:
    assert target_of(Function("f", target="t", qualifier="live")).qualifier == "live"
    assert target_of(Function("f", target="t:7")).qualifier == "7"


def test_a_text_is_all_of_its_pattern_or_nothing() -> None:
    assert tables.text("a|b", "words") == Meta(pattern=r"\A(?:a|b)?\Z", description="words")
    assert tables.text("a|b", "words", empty=False) == Meta(pattern=r"\A(?:a|b)\Z", description="words")
