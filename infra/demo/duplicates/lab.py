"""Three functions with one body, two of them tracked (Python, Node.js), beside the service; how often each body ran.

The tracked ones are functions outside the stack: a zip, the library, and the environment that
`once policy --show environment` prints.
"""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from infra.ship import layer, node
from infra.ship.deploy import LOCAL_REGION, LOCAL_TENANT
from invoke_once import outside

FUNCTIONS = Path(__file__).parent / "functions"
ROLE = "arn:aws:iam::000000000000:role/duplicates"
MARKS = "duplicates-marks"
PLAIN, TRACKED, TRACKED_NODE = "duplicates-slow", "duplicates-slow-tracked", "duplicates-slow-node"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": LOCAL_REGION}


class Lab:
    """What the clients call, on the emulator at `endpoint`, beside the service's stack."""

    def __init__(self, endpoint: str, stack: str) -> None:
        self.endpoint, self.stack = endpoint, stack

    def aws(self, service: str, **more: Any) -> Any:
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=LOCAL_REGION,
            aws_access_key_id="test", aws_secret_access_key="test", **more,
        )  # fmt: skip

    def build(self, directory: Path) -> None:
        """The table of marks, the layer (built in `directory`) and both functions."""
        self.aws("dynamodb").create_table(
            TableName=MARKS, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "order", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "order", "AttributeType": "S"}],
        )  # fmt: skip
        library = layer.layer(directory).read_bytes()
        functions = self.aws("lambda")
        published = functions.publish_layer_version(LayerName="invoke-once", Content={"ZipFile": library})
        account = published["LayerVersionArn"].split(":")[4]
        place = outside.Place.at(self.stack, account, LOCAL_REGION)
        self._role(place)
        wrapped = outside.environment(place, "tracked", TRACKED, LOCAL_TENANT)
        self._function(functions, PLAIN, "slow.handler", {}, [])
        self._function(functions, TRACKED, "slow_tracked.handler", wrapped, [published["LayerVersionArn"]])
        in_node = outside.environment(place, "tracked", TRACKED_NODE, LOCAL_TENANT)
        self._function(functions, TRACKED_NODE, "slow_node.handler", in_node, [], "nodejs24.x")

    def _role(self, place: outside.Place) -> None:
        """What both functions run as: exactly what `once policy` prints, and their own table."""
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        own = {
            "Effect": "Allow",
            "Action": ["dynamodb:UpdateItem"],
            "Resource": f"arn:aws:dynamodb:{LOCAL_REGION}:{place.account}:table/{MARKS}",
        }
        policies = {
            "marks": {"Version": "2012-10-17", "Statement": [own]},
            "runs": outside.policy(place, "tracked", TRACKED),
            "runs-node": outside.policy(place, "tracked", TRACKED_NODE),
        }
        iam, name = self.aws("iam"), ROLE.rpartition("/")[2]
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        for policy, content in policies.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(content))

    def warm(self, function: str, calls: int) -> None:
        """`calls` of its workers have run once: a call waits for the body alone, and not for a cold start."""

        def call(number: int) -> None:
            payload = json.dumps({"order": f"warm-{function}-{number}", "seconds": 0.5}).encode()
            self.aws("lambda").invoke(FunctionName=function, Payload=payload)

        with ThreadPoolExecutor(calls) as pool:
            list(pool.map(call, range(calls)))

    def _function(
        self, functions: Any, name: str, handler: str, env: dict[str, str], layers: list[str],
        runtime: str = "python3.12",
    ) -> None:  # fmt: skip
        functions.create_function(
            FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Timeout=60, Layers=layers,
            Code={"ZipFile": _zipped(runtime)}, Environment={"Variables": {"MARKS_TABLE": MARKS, **env}},
        )  # fmt: skip

    def body_runs(self, order: str) -> int:
        """How often a body ran for this order."""
        return self._marks(MARKS, {"order": {"S": order}})

    def counted(self, counter: str) -> int:
        """How often the body of the service's sample `count` ran under this name."""
        return self._marks(f"{self.stack}-runs", {"run_id": {"S": f"counter#{counter}"}, "part": {"S": "counter"}})

    def _marks(self, table: str, key: dict[str, Any]) -> int:
        item = self.aws("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return len(item.get("marks", {}).get("SS", []))


def _zipped(runtime: str) -> bytes:
    in_node = runtime.startswith("nodejs")
    files = {file.name: file.read_bytes() for file in sorted(FUNCTIONS.glob("*.mjs" if in_node else "*.py"))}
    if in_node:
        files |= node.library() | node.sdk()
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()
