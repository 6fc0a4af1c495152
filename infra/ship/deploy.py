"""`make deploy STAGE=…`, and the deploying half of `make up`: package, deploy, and what the first request
needs.

One path for the emulator and for AWS; they differ in the endpoint and in the stage's parameters. On the
emulator a deploy is skipped when nothing that is deployed has changed: the stack itself has the hash as an
output, so that it is forgotten with the state if that is lost.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import boto3

from infra import stages
from infra.ship import bootstrap
from infra.ship.account import on_aws, plainly
from infra.ship.env_files import read_env, write_private
from infra.ship.package import Package, content, package
from infra.ship.stack import Stack
from infra.stages import LOCAL, Stage, StageProblem

LOCAL_REGION = "us-east-1"
LOCAL_STACK = "invoke-once-local"
LOCAL_TENANT = "demo"


@dataclass(frozen=True)
class Deployed:
    """A service that is up: where, and what is needed to talk to it."""

    url: str
    token: str
    webhook_secret: str
    outputs: dict[str, str]


def package_locally(stack: str = LOCAL_STACK) -> Package:
    return package(stages.load(LOCAL).named(stack))


def deploy_locally(
    endpoint: str, env_file: Path, stack: str = LOCAL_STACK, *, packaging: Future[Package] | None = None
) -> Deployed:
    """The service runs on the emulator at `endpoint`; `env_file` (mode 600) says how to reach it.

    `packaging`: `package_locally` that is under way already.
    """
    stage = stages.load(LOCAL).named(stack)
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=LOCAL_REGION
    )  # fmt: skip
    deployed = Stack(session, endpoint, stage.stack)
    _bring_up_to_date(deployed, stage, packaging)
    outputs = deployed.outputs()
    _enable_expiry(deployed)
    keys = bootstrap.keyring(deployed.client("ssm"), f"/{stage.stack}/master-key")
    found = Deployed(
        url=f"{endpoint}/restapis/{outputs['RestAPIId']}/api/_user_request_",
        token=_token(deployed, env_file),
        webhook_secret=bootstrap.webhook_secret(keys, LOCAL_TENANT),
        outputs=outputs,
    )
    write_env(env_file, endpoint, stage.stack, found)
    _warm_up(deployed)
    return found


def deploy_to_aws(stage: Stage) -> None:
    """The service runs on AWS."""
    deployed = on_aws(stage)
    changed = deployed.deploy(package(stage), content(stage))
    state = "deployed" if changed else "is as it should be"
    print(f"{stage.stack} {state}: {deployed.outputs()['EndpointURL']}")
    print("\n".join(bootstrap.bootstrap(deployed, stage)))


def _bring_up_to_date(deployed: Stack, stage: Stage, packaging: Future[Package] | None) -> None:
    wanted = content(stage)
    if deployed.content() == wanted:
        print("  nothing to deploy", flush=True)
        return
    started = time.monotonic()
    print("  packaging", flush=True)
    made = packaging.result() if packaging else package(stage)
    print("  deploying", flush=True)
    deployed.deploy(made, wanted)
    print(f"  deployed in {time.monotonic() - started:.1f} s", flush=True)


def _enable_expiry(deployed: Stack) -> None:
    """The emulator skips a template's TimeToLiveSpecification, so it is asked for by a call of its own."""
    dynamodb = deployed.client("dynamodb")
    for name in ("runs", "tokens"):
        table = f"{deployed.name}-{name}"
        if dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED":
            how = {"Enabled": True, "AttributeName": "expires_at"}
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=how)


def _warm_up(deployed: Stack) -> None:
    """One sandbox of the stream's reader and of attend is up: the first callback does not wait for two cold starts."""
    events: dict[str, dict[str, object]] = {"stream": {"Records": []}, "attend": {"run_ids": ["run_none"]}}
    client = deployed.client("lambda")
    with ThreadPoolExecutor(len(events)) as pool:
        for name, event in events.items():
            pool.submit(client.invoke, FunctionName=f"{deployed.name}-{name}", Payload=json.dumps(event))


def _token(deployed: Stack, env_file: Path) -> str:
    """The token of the last `up` if it still opens the service, else a new one."""
    dynamodb, table = deployed.client("dynamodb"), f"{deployed.name}-tokens"
    known = read_env(env_file).get("ONCE_TOKEN", "")
    if bootstrap.token_is_valid(dynamodb, table, known):
        return known
    return bootstrap.token(dynamodb, table, LOCAL_TENANT)


def write_env(file: Path, endpoint: str, stack: str, deployed: Deployed) -> None:
    settings = {
        "ONCE_URL": deployed.url,
        "ONCE_TOKEN": deployed.token,
        "ONCE_WEBHOOK_SECRET": deployed.webhook_secret,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": LOCAL_REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ONCE_STACK": stack,
        # with these, `chalice local` and `chalice.test.Client` are the API of the stack that is up
        "ONCE_LOCAL": "1",
        "ONCE_RUNS_TABLE": deployed.outputs["RunsTable"],
        "ONCE_TOKENS_TABLE": deployed.outputs["TokensTable"],
        "ONCE_BUCKET": deployed.outputs["Bucket"],
        "ONCE_WAKE_QUEUE": deployed.outputs["WakeQueue"],
        "ONCE_MASTER_KEY": f"/{stack}/master-key",
        # a bus, a queue and a topic that callbacks may go to
        "ONCE_CALLBACK_BUS": deployed.outputs["CallbackBus"],
        "ONCE_CALLBACK_QUEUE": deployed.outputs["CallbackQueue"],
        "ONCE_CALLBACK_TOPIC": deployed.outputs["CallbackTopic"],
    }
    write_private(file, settings)


def main() -> None:
    stage = stages.load(sys.argv[1] if len(sys.argv) > 1 else LOCAL)
    if stage.name == LOCAL:
        raise StageProblem("the stage `local` is the emulator: use `make up`, or name another STAGE")
    deploy_to_aws(stage)


if __name__ == "__main__":
    sys.exit(plainly(main))
