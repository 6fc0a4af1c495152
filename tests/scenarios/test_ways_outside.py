"""examples/existing-function: a stack of its own, with nothing of the service but the library and printed rights."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.functions import Function
from chalicelib.invoker import LambdaInvoker
from chalicelib.runs import dispatch
from chalicelib.service import Service as Wired
from chalicelib.settings import read
from infra.paths import EMULATOR_VENV, ROOT
from infra.ship import layer
from invoke_once import outside, outside_formats
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.objects import S3Objects
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Store
from tests.scenarios.test_ways_direct import run_with_key, unique
from tests.service import Service

EXAMPLE = ROOT / "examples" / "existing-function"
WAYS = {"orders-layer": "FromLayer", "orders-pip": "FromPip"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer's zip and the wheel."""
    out = tmp_path_factory.mktemp("layer")
    layer.layer(out)
    layer.wheel(out)
    return out


@dataclass
class Orders:
    """The deployed example: which Lambda is behind each of its two functions."""

    service: Service
    names: dict[str, str]

    def call(self, function: str, event: Any) -> Any:
        answer = self.service.aws("lambda").invoke(
            FunctionName=self.names[function], Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read())


@pytest.fixture(scope="module")
def orders(service: Service, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    here = tmp_path_factory.mktemp("orders") / "example"
    shutil.copytree(EXAMPLE, here, ignore=shutil.ignore_patterns("build", "__pycache__"))
    _fill_pip(here / "build" / "pip", built)
    published = service.aws("lambda").publish_layer_version(
        LayerName="invoke-once", Content={"ZipFile": (built / "invoke-once-layer.zip").read_bytes()}
    )
    name = unique("orders")
    _deploy(service, here, name, published["LayerVersionArn"])
    stack = service.aws("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    yield Orders(service, {function: outputs[key] for function, key in WAYS.items()})
    service.aws("cloudformation").delete_stack(StackName=name)


def _fill_pip(where: Path, built: Path) -> None:
    """As the README does, but for the library's own dependency, which is taken from here and not from the network."""
    shutil.copytree(EXAMPLE / "src", where, ignore=shutil.ignore_patterns("__pycache__"))
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(where)]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    for name, data in layer._installed("pynamodb").items():
        file = where / name.removeprefix("python/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _deploy(service: Service, here: Path, name: str, layer_arn: str) -> None:
    aws = [str(EMULATOR_VENV / "bin" / "aws"), "cloudformation"]
    env = {"PATH": os.environ["PATH"], "HOME": str(here), **service.env}
    bucket = unique("artifacts")
    service.aws("s3").create_bucket(Bucket=bucket)
    package = ["package", "--template-file", "template.yaml", "--s3-bucket", bucket, "--use-json",
               "--output-template-file", "packaged.json"]  # fmt: skip
    given = {"ServiceStack": service.stack, "LayerArn": layer_arn}
    deploy = ["deploy", "--template-file", "plain.json", "--stack-name", name, "--capabilities", "CAPABILITY_IAM",
              "--parameter-overrides", *(f"{key}={value}" for key, value in given.items())]  # fmt: skip
    for command in (package, deploy):
        if command is deploy:
            _translate(here / "packaged.json", here / "plain.json", given)
        done = subprocess.run([*aws, *command], cwd=here, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def _translate(packaged: Path, plain: Path, given: dict[str, str]) -> None:
    """What AWS does with a SAM template when it is deployed; the emulator leaves it to others."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # which it wants, and none of which is in the template
    from samtranslator.translator.transform import transform

    class NoManagedPolicies:
        @staticmethod
        def load() -> dict[str, str]:
            return {}

    template = transform(json.loads(packaged.read_text()), given, NoManagedPolicies())
    plain.write_text(json.dumps(template))


@pytest.mark.parametrize("function", WAYS)
def test_a_call_is_a_run_and_an_equal_one_gets_its_answer(orders: Orders, function: str) -> None:
    order = {"order_id": unique("o")}
    first = orders.call(function, order)
    assert first["shipped"] == order["order_id"]
    assert orders.call(function, order) == first
    run = run_with_key(orders.service, function, order["order_id"])
    assert (run["id"], run["status"], run["output"]) == (first["run"], "succeeded", first)


def test_a_failure_is_raised_again_as_it_was(orders: Orders) -> None:
    order = {"order_id": unique("o"), "address": ""}
    told = [orders.call("orders-layer", order)["errorMessage"] for _ in range(2)]
    assert told == [f"order {order['order_id']} has no address"] * 2
    run = run_with_key(orders.service, "orders-layer", order["order_id"])
    assert (run["status"], run["error"]["type"], run["attempt"]) == ("failed", "ValueError", 1)


def test_of_a_batch_only_what_failed_comes_back(orders: Orders) -> None:
    good, bad = unique("good"), unique("bad")
    records = [
        {"messageId": name, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
         "body": json.dumps({"order_id": name, "address": address})}
        for name, address in ((good, "Main St"), (bad, ""))
    ]  # fmt: skip
    answer = orders.call("orders-pip", {"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": bad}]}
    assert run_with_key(orders.service, "orders-pip", good)["status"] == "succeeded"
    assert run_with_key(orders.service, "orders-pip", bad)["status"] == "failed"


@pytest.mark.parametrize("function", WAYS)
def test_the_service_can_start_it_too(orders: Orders, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an entry in functions.toml: here the same by hand, on the service's own table."""
    for name, value in orders.service.env.items():
        monkeypatch.setenv(name, value)
    store = Store(DynamoTable(f"{orders.service.stack}-runs"))
    payloads = Payloads(store, S3Objects("", endpoint_url=orders.service.endpoint))
    settings = read({"ONCE_STACK": orders.service.stack, "ONCE_RUNS_TABLE": f"{orders.service.stack}-runs"})
    known = {function: Function(function, target=orders.names[function], tenant="demo")}
    svc = Wired(settings, store, payloads, known, LambdaInvoker(orders.service.endpoint))
    order = unique("o")
    request = dispatch.StartRequest(known[function], "demo", key=order, input=json.dumps({"order_id": order}).encode())
    head = dispatch.accept(svc, request).head
    run = orders.service.wait(head.run_id, 20)
    assert (run["status"], run["output"]["shipped"]) == ("succeeded", order)


def test_the_template_has_exactly_what_is_printed() -> None:
    text = (EXAMPLE / "template.yaml").read_text()
    for function in WAYS:
        asked = f"# once policy {function} --stack '${{ServiceStack}}' --tenant demo --show sam\n"
        assert asked in text
        printed = outside_formats.sam(outside.Place("${ServiceStack}"), "tracked", function, "demo")
        indented = re.sub(r"^", " " * 6, printed, flags=re.MULTILINE).rstrip(" ")
        assert text.split(asked)[1].startswith(indented)


def test_the_layer_holds_the_library_and_all_that_it_was_tested_with(built: Path) -> None:
    """Its own boto3 too: the one of Lambda's runtime is another every few weeks."""
    names = zipfile.ZipFile(built / "invoke-once-layer.zip").namelist()
    packages = {name.split("/")[1] for name in names if not name.split("/")[1].endswith(".dist-info")}
    boto3 = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"}
    assert packages == {"invoke_once", "pynamodb"} | boto3
    assert all(name.startswith("python/") and not name.endswith((".pyc", ".so")) for name in names)


def test_the_same_sources_make_the_same_layer(tmp_path: Path) -> None:
    assert layer.layer(tmp_path / "a").read_bytes() == layer.layer(tmp_path / "b").read_bytes()


def test_the_wheel_asks_for_what_the_wrapper_needs_under_its_extra(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    needed = re.findall(r"^Requires-Dist: (\w+).*extra == ['\"]lambda['\"]", archive.read(name).decode(), re.MULTILINE)
    assert needed == ["pynamodb", "boto3"]
    assert not re.findall(r"^Requires-Dist: (?!.*extra)", archive.read(name).decode(), re.MULTILINE)


def test_the_example_s_deaths_reach_record(orders: Orders) -> None:
    """Lambda is told where; the emulator keeps it as AWS does."""
    asked = orders.service.aws("lambda").get_function_event_invoke_config(
        FunctionName=orders.names["orders-layer"], Qualifier="$LATEST"
    )
    assert asked["MaximumRetryAttempts"] == 0
    assert asked["DestinationConfig"]["OnFailure"]["Destination"].endswith(f":function:{orders.service.stack}-record")
