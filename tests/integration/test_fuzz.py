"""Handlers as they come, on the deployed stack: whatever one says, prints, raises or returns, its run ends rightly."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from infra.paths import BUILD
from invoke_once.life import keys
from tests.service import TERMINAL, Service, until

HANDLER = """
import decimal, json, sys
from invoke_once import current_run, tracked

class Mute(Exception):
    def __str__(self): raise ValueError

ODD = {"nan": float("nan"), "bytes": b"x", "set": {1}, "object": object(), "key": {(1, 2): 3}, "half": "\\ud83d",
       "decimal": decimal.Decimal("12.50"), "tuple": (1, 2)}

@tracked(key="id")
def handler(event, context):
    for what, text in event["acts"]:
        if what == "tell": current_run().progress(0.5, text)
        elif what == "print": print(json.dumps({"event": "claimed", "run_id": text}))
        elif what == "raw": print(text.encode("ascii", "backslashreplace").decode())
        else: current_run().check()
    if event["error"]:
        kind, text = event["error"]
        raise {"ValueError": ValueError, "Mute": Mute, "SystemExit": SystemExit}[kind](text)
    return ODD[event["odd"]] if event["odd"] else event["reply"]
"""
FUNCTION, RUNS = "fuzz", 12
TEXTS = ["", "é", "\u2028", "\x00\x7f", "</script>", "\ud83d", "\udce9", "\U0001f600", '"\\/', "x" * 9_000]
REPLIES = [None, 0, -1.5e300, "text", "\ud83d\ude00", [[]], {"a": {"b": []}}, {"batchItemFailures": []}, "y" * 20_000]
#: Of what is no JSON by itself: what Lambda makes of it; not in here: it is refused.
MADE = {"decimal": 12.5, "tuple": [1, 2]}


def plans(random: Random) -> Iterator[dict[str, Any]]:
    """As likely to raise as to return something odd; the rest returns JSON."""
    odd = ["nan", "bytes", "set", "object", "key", "half", *MADE]
    for number in range(RUNS):
        acts = [
            [random.choice(["tell", "print", "raw", "check"]), random.choice(TEXTS)] for _ in range(random.randrange(4))
        ]
        fate = number % 4
        kind = "SystemExit" if number == RUNS - 4 else random.choice(["ValueError", "Mute"])  # ends its sandbox: once
        yield {
            "id": f"fuzz-{number}", "acts": acts, "reply": random.choice(REPLIES),
            "error": [kind, random.choice(TEXTS)] if fate == 0 else None,
            "odd": random.choice(odd) if fate == 1 else "",
        }  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed(service: Service) -> Iterator[str]:
    """A Lambda like `echo`, with another handler."""
    lambda_ = service.aws("lambda")
    like = lambda_.get_function_configuration(FunctionName=service.target("echo"))
    held = io.BytesIO((BUILD / "local" / "deployment.zip").read_bytes())
    with zipfile.ZipFile(held, "a") as opened:
        opened.writestr("fuzzed.py", HANDLER)
    name = service.target(FUNCTION)
    lambda_.create_function(
        FunctionName=name, Runtime=like["Runtime"], Role=like["Role"], Handler="fuzzed.handler", Timeout=30,
        Code={"ZipFile": held.getvalue()}, Layers=[layer["Arn"] for layer in like.get("Layers", [])],
        Environment={"Variables": like["Environment"]["Variables"] | {"ONCE_FUNCTION": FUNCTION}},
    )  # fmt: skip
    yield name
    lambda_.delete_function(FunctionName=name)


def test_whatever_a_deployed_handler_does_its_run_ends_as_it_should(stack: Service, fuzzed: str) -> None:
    lambda_, asked = stack.aws("lambda"), list(plans(Random(7)))
    for plan in asked:
        lambda_.invoke(FunctionName=fuzzed, Payload=json.dumps(plan).encode())  # one after the other: one warm sandbox
        run_id = keys.run_id("demo", FUNCTION, plan["id"])

        def ended(run_id: str = run_id) -> dict[str, Any] | None:
            answer = stack.req("GET", f"/runs/{run_id}")
            return answer.json() if answer.status_code == 200 and answer.json()["status"] in TERMINAL else None

        run = until(ended, message=f"{plan} has no outcome")
        if plan["error"]:
            kind = plan["error"][0]
            assert (run["status"], run["error"]["type"]) == ("failed", kind), run
        elif plan["odd"] and plan["odd"] not in MADE:
            assert (run["status"], run["error"]["type"]) == ("failed", "OutputNotSerializable"), (plan, run["error"])
        else:
            assert (run["status"], run["error"]) == ("succeeded", None), (plan, run["error"])
            output = json.loads(stack.req("GET", f"/runs/{run_id}/output", follow_redirects=True).text)
            sent = json.loads(json.dumps(plan["reply"]))  # halves of a pair are one character as JSON
            assert output == (MADE[plan["odd"]] if plan["odd"] else sent)
    last = stack.req("GET", f"/runs/{run_id}/logs")
    assert last.status_code == 200, last.text
