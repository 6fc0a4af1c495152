"""Small uses of a deployed stack, each of which needs one statement of one role; for `least_privilege.py`."""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Callable
from typing import Any

import boto3
import httpx

from infra.local.receiver import listening
from infra.ship.deploy import LOCAL_REGION, Deployed

# what should succeed gets time enough on a busy machine; what should fail need not be waited for as long
PATIENCE_S, IMPATIENCE_S = 30.0, 6.0
FROM_THE_START_S = 3600
LATER_S = 600  #: nothing else looks at the run before that
HOLD_S = 3  #: longer than the look at a limit, a second after a run began to wait there
ENDED = ("succeeded", "failed", "timed_out", "cancelled", "expired")

#: (function, the statement's reason): the probe. A function "" stands for any. What is not here is AWS's own doing.
PROBES: dict[tuple[str, str], str] = {
    ("api", "accept, show, cancel and redrive runs; the log of callbacks"): "start",
    ("api", "lists; how many runs are in flight"): "list",
    ("api", "tokens"): "make_token",
    ("api", "a tenant's tokens"): "list_tokens",
    ("api", "fire what was accepted, at once"): "start",
    ("api", "large inputs and outputs, and links to them"): "read_large_input",
    ("api", "large inputs and checkpoints"): "start_large",
    ("api", "`GET /runs/{id}/logs`"): "read_logs",
    ("api", "the key that cursors are sealed with and webhook secrets come from"): "health",
    ("stream", "have a run looked at now; fire who waited for a slot"): "callback",
    ("stream", "have a run looked at later"): "told_of_later",
    ("stream", "who waits for a slot"): "let_through",
    ("stream", "let who waits through; the slots of a limit"): "let_through",
    ("stream", "the large input of a run that waited"): "let_through_large",
    ("wake", "have a run looked at now"): "delayed",
    ("sweep", "what is due; who waits for a slot"): "swept",
    ("sweep", "look at each and move it"): "swept",
    ("sweep", "fire again; have callbacks sent"): "swept",
    ("sweep", "the large input of a run that is fired again"): "swept_large",
    ("attend", "look at a run and move it; the log of callbacks"): "delayed",
    ("attend", "fire what is due; have a batch spread"): "delayed",
    ("attend", "the runs of a bulk job"): "bulk",
    ("attend", "large inputs and checkpoints; a batch's items"): "batch_large",
    ("attend", "the runs and chunks of a batch"): "batch",
    ("attend", "who waits for a slot"): "let_through_by_attend",
    ("attend", "the key that webhook secrets come from"): "callback",
    ("record", "record outcomes; register what was invoked without the service"): "unwrapped",
    ("record", "large outputs, and inputs it registers"): "unwrapped_large",
    ("", "claim its run, tell progress and the outcome, register a direct call"): "run",
    ("", "large inputs and outputs"): "run_large",
    ("", "its own: `permissions` of report in functions.toml"): "run_on_s3",
}


class Failed(Exception):
    """The probe did not get what it should; the message says what it got."""


class Probes:
    """One stack on one emulator, used as its callers would."""

    def __init__(self, endpoint: str, stack: str, deployed: Deployed) -> None:
        self._endpoint, self._stack, self._deployed = endpoint, stack, deployed
        headers = {"Authorization": f"Bearer {deployed.token}"}
        self._http = httpx.Client(base_url=deployed.url, headers=headers, timeout=30)
        self._patience_s = PATIENCE_S
        for rule in self.client("events").list_rules(NamePrefix=stack)["Rules"]:
            self.client("events").disable_rule(Name=rule["Name"])

    def client(self, service: str) -> Any:
        """As the emulator's root."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": LOCAL_REGION}
        return boto3.client(service, endpoint_url=self._endpoint, **keys)

    def close(self) -> None:
        self._http.close()

    def run(self, probe: str, function: str, patience_s: float = PATIENCE_S) -> None:
        """Use the stack so that `function`, in a new sandbox, needs its statement. Raises `Failed`."""
        self._patience_s = patience_s
        self._anew(function)
        known: Callable[[str], None] = getattr(self, f"_{probe}")
        try:
            known(function)
        except httpx.HTTPError as error:
            raise Failed(type(error).__name__) from error

    def _anew(self, function: str) -> None:
        """A change of memory, be it none, ends the sandboxes there are."""
        aws, name = self.client("lambda"), f"{self._stack}-{function}"
        memory = aws.get_function_configuration(FunctionName=name)["MemorySize"]
        aws.update_function_configuration(FunctionName=name, MemorySize=memory)

    # HTTP

    def _start(self, _: str) -> None:
        self._ends(self._started("echo", 1))

    def _list(self, _: str) -> None:
        self._answers("GET", "/runs?limit=1", 200)

    def _make_token(self, _: str) -> None:
        self._answers("POST", "/tokens", 201, json={"tenant": "probe"})

    def _list_tokens(self, _: str) -> None:
        self._answers("GET", "/tokens", 200)

    def _start_large(self, _: str) -> None:
        self._started("echo", random_text(20_000))

    def _read_large_input(self, _: str) -> None:
        run = self._started("echo", random_text(20_000))
        answer = self._answers("GET", f"/runs/{run}/input", 200, 303)
        if answer.status_code == 303 and httpx.get(answer.headers["location"], timeout=10).status_code != 200:
            raise Failed("the link to the input is refused")

    def _read_logs(self, _: str) -> None:
        run = self._started("echo", 1)
        self._ends(run)
        self._answers("GET", f"/runs/{run}/logs", 200)

    def _health(self, _: str) -> None:
        self._answers("GET", "/healthz", 200)

    # What comes later

    def _callback(self, _: str) -> None:
        with listening(self._deployed.webhook_secret) as receiver:
            self._started("echo", 1, callback={"url": receiver.url})
            if receiver.next(self._patience_s) is None:
                raise Failed("no callback came")

    def _delayed(self, _: str) -> None:
        self._ends(self._started("echo", 1, delay_seconds=1))

    def _told_of_later(self, _: str) -> None:
        """A record of a run whose time is to come, as the table's stream has it; a run that is there takes no harm."""
        run = self._started("echo", 1, delay_seconds=FROM_THE_START_S)
        at_ms = int(time.time() * 1000) + LATER_S * 1000
        head = {"run_id": {"S": run}, "part": {"S": "head"}, "not_before": {"N": str(at_ms)}}
        record = {"dynamodb": {"NewImage": head, "SequenceNumber": "1"}}
        answer = self.client("lambda").invoke(
            FunctionName=f"{self._stack}-stream", Payload=json.dumps({"Records": [record]})
        )
        if json.load(answer["Payload"]) != {"batchItemFailures": []}:
            raise Failed("the stream's reader gives the record back")

    def _bulk(self, _: str) -> None:
        """A count: of all runs by the one index, of those that failed by the other."""
        for wanted in ({"function": "echo"}, {"status": "failed"}):
            body = {"action": "retry", "filter": wanted, "dry_run": True}
            job = self._answers("POST", "/bulk", 202, json=body).json()
            self._becomes(f"/bulk/{job['id']}", "done")

    def _swept(self, _: str, value: Any = 1) -> None:
        run = self._started("echo", value, delay_seconds=FROM_THE_START_S)
        self._as_if_its_event_was_lost(run)
        self.client("lambda").invoke(FunctionName=f"{self._stack}-sweep")
        self._ends(run)

    def _swept_large(self, function: str) -> None:
        self._swept(function, random_text(20_000))

    # Limits and batches

    def _let_through(self, _: str, text: str = "") -> None:
        self._ends(self._waiting_for_another(text))

    def _let_through_large(self, _: str) -> None:
        self._let_through("", random_text(20_000))

    def _let_through_by_attend(self, _: str) -> None:
        """By its look at the limit: the stream, which is quicker, sleeps meanwhile."""
        (stream,) = self.client("lambda").list_event_source_mappings(FunctionName=f"{self._stack}-stream")[
            "EventSourceMappings"
        ]
        self.client("lambda").update_event_source_mapping(UUID=stream["UUID"], Enabled=False)
        try:
            run = self._waiting_for_another("")
            key = {"run_id": {"S": run}, "part": {"S": "head"}}
            head = self.client("dynamodb").get_item(TableName=f"{self._stack}-runs", Key=key)["Item"]
            rack = head["wait_shard"]["S"].partition("#")[0] + "#0"
            payload = json.dumps({"run_id": rack})
            self.client("lambda").invoke(FunctionName=f"{self._stack}-attend", Payload=payload)
            self._ends(run)
        finally:
            self.client("lambda").update_event_source_mapping(UUID=stream["UUID"], Enabled=True)

    def _waiting_for_another(self, text: str) -> str:
        """A run that waited for the only slot of a limit; its holder has just ended."""
        limit = {"concurrency": {"key": secrets.token_hex(8), "max": 1}}
        holder = self._started("sleep", {"seconds": HOLD_S}, **limit)
        waiting = self._started("sleep", {"seconds": 0, "text": text}, **limit)
        if self._answers("GET", f"/runs/{waiting}", 200).json()["waiting_for"] != "concurrency":
            raise Failed("the second run did not wait")
        patience_s, self._patience_s = self._patience_s, PATIENCE_S
        self._ends(holder)
        self._patience_s = patience_s
        return waiting

    def _batch(self, _: str, value: Any = 1) -> None:
        body = {"function": "echo", "items": [{"input": value}, {"input": 2}]}
        batch = self._answers("POST", "/batches", 202, json=body).json()
        self._becomes(f"/batches/{batch['id']}", "succeeded")

    def _batch_large(self, function: str) -> None:
        self._batch(function, random_text(20_000))

    def _as_if_its_event_was_lost(self, run: str) -> None:
        """Queued, fired a while ago, never claimed: only the sweep comes by such a run."""
        self.client("dynamodb").update_item(
            TableName=f"{self._stack}-runs", Key={"run_id": {"S": run}, "part": {"S": "head"}},
            UpdateExpression="SET #s = :queued, due_at = :past, dispatches = :one REMOVE not_before",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":queued": {"S": "queued"}, ":past": {"N": str(int(time.time() * 1000) - 1000)},
                                       ":one": {"N": "1"}},
        )  # fmt: skip

    # Targets

    def _run(self, function: str) -> None:
        self._ends(self._started("sleep", {"seconds": 0}) if function == "sleep" else self._of(function, 1))

    def _of(self, function: str, value: Any) -> str:
        return self._started(function, {"csv": "a\n1\n"} if function == "report" else value)

    def _run_large(self, function: str) -> None:
        """An input that goes by reference, being too large for an event; of `echo` the output too."""
        text = random_text(1_000_000)
        self._ends(self._started(function, {"csv": f"a\n{text}\n"} if function == "report" else text))

    def _run_on_s3(self, function: str) -> None:
        s3 = self.client("s3")
        s3.create_bucket(Bucket="invoke-once-csv-probe")
        s3.put_object(Bucket="invoke-once-csv-probe", Key="a.csv", Body=b"a\n1\n")
        self._ends(self._started(function, {"uri": "s3://invoke-once-csv-probe/a.csv"}))

    def _unwrapped(self, _: str) -> None:
        self._ends(self._started("node-hello", {"name": "Ada"}))

    def _unwrapped_large(self, _: str) -> None:
        self._ends(self._started("node-hello", {"name": random_text(20_000)}))

    # Means

    def _started(self, function: str, value: Any, **more: Any) -> str:
        body = {"function": function, "input": value, **more}
        return str(self._answers("POST", "/runs", 200, 202, json=body).json()["id"])

    def _answers(self, method: str, path: str, *wanted: int, **more: Any) -> httpx.Response:
        answer = self._http.request(method, path, **more)
        if answer.status_code not in wanted:
            raise Failed(f"{method} {path.partition('?')[0][:6]} answers {answer.status_code}")
        return answer

    def _ends(self, run: str) -> None:
        """In time, and well."""
        self._becomes(f"/runs/{run}", "succeeded")

    def _becomes(self, path: str, wanted: str) -> None:
        deadline = time.monotonic() + self._patience_s
        found: dict[str, Any] = {"status": "unknown"}
        while time.monotonic() < deadline:
            found = self._answers("GET", path, 200).json()
            if found["status"] == wanted:
                return
            if found["status"] in ENDED:
                raise Failed(f"it ends {found['status']}: {(found.get('error') or {}).get('type')}")
            time.sleep(0.1)
        raise Failed(f"it is still {found['status']}")


def random_text(size: int) -> str:
    """Text that no compression makes small enough for an item."""
    return base64.b64encode(os.urandom(size * 3 // 4)).decode()
