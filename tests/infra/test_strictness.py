"""The emulator refuses what AWS would: each mistake as a small stack of its own, and the same without the mistake."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import boto3
import pytest

from infra.local import order
from infra.local.emulator import Emulator
from tests.service import until

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
HERE = "arn:aws:{}:us-east-1:000000000000:{}"
Resources = dict[str, dict[str, Any]]


def role(*actions: str, resource: str = "*", size: int = 0) -> dict[str, Any]:
    on = [resource, *(["x" * size] if size else [])]
    statement = {"Effect": "Allow", "Action": list(actions) or ["logs:PutLogEvents"], "Resource": on}
    policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}]
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "Policies": policies}}


def function(name: str, **more: Any) -> dict[str, Any]:
    properties = {"FunctionName": name, "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Runtime": "python3.13",
                  "Handler": "index.handler", "Code": {"ZipFile": "def handler(e, c): pass"}}  # fmt: skip
    return {"Type": "AWS::Lambda::Function", "Properties": {**properties, **more}}


def outcome(name: str, destination: Any) -> dict[str, Any]:
    told = {"OnFailure": {"Destination": destination}}
    properties = {"FunctionName": {"Ref": name}, "Qualifier": "$LATEST", "DestinationConfig": told}
    return {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": properties}


def mapping(source: Any) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"FunctionName": {"Ref": "Early"}, "EventSourceArn": source}}  # fmt: skip


def queue(**more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": more}


class Cloud:
    """CloudFormation of the session's emulator."""

    def __init__(self, endpoint: str) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        self.aws = lambda service: session.client(service, endpoint_url=endpoint)
        self._cloudformation = self.aws("cloudformation")

    def create(self, resources: Resources) -> str:
        """ "" when the stack is there, else why not; it is deleted either way."""
        name = f"strict-{uuid.uuid4().hex[:8]}"
        self._cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
        )

        def ended() -> str:
            status = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return "" if status.endswith("_IN_PROGRESS") else status

        status = until(ended)
        events = self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        why = [
            e["ResourceStatusReason"]
            for e in events
            if e["ResourceStatus"] == "CREATE_FAILED" and e["LogicalResourceId"] != name
        ]
        checks = self._cloudformation.describe_events(StackName=name)["OperationEvents"]
        why += [event["ValidationStatusReason"] for event in checks if "ValidationStatusReason" in event]
        self._cloudformation.delete_stack(StackName=name)
        assert (status == "CREATE_COMPLETE") is (not why), (status, why)
        return why[0] if why else ""


@pytest.fixture(scope="module")
def cloud(emulator: Emulator) -> Cloud:
    return Cloud(emulator.url)


def names() -> tuple[str, str]:
    """Of two functions: by its name, the first comes first."""
    unique = uuid.uuid4().hex[:8]
    return f"a-{unique}", f"z-{unique}"


def test_a_destination_named_by_text_is_created_too_late(cloud: Cloud) -> None:
    early, late = names()
    both: Resources = {"Role": role("lambda:InvokeFunction"), "Early": function(early), "Late": function(late)}
    by_text = HERE.format("lambda", f"function:{late}")
    assert cloud.create({**both, "Outcome": outcome("Early", by_text)}) == f"The destination ARN {by_text} is invalid."
    assert cloud.create({**both, "Outcome": outcome("Early", {"Fn::GetAtt": ["Late", "Arn"]})}) == ""


def test_a_destination_that_the_role_may_not_reach_is_refused(cloud: Cloud) -> None:
    early, _ = names()
    told = {"Early": function(early), "Told": queue(), "Outcome": outcome("Early", {"Fn::GetAtt": ["Told", "Arn"]})}
    refused = cloud.create({"Role": role(), **told})
    assert "does not have permissions to call SendMessage" in refused
    assert cloud.create({"Role": role("sqs:SendMessage"), **told}) == ""


def test_a_source_that_is_not_there_or_may_not_be_read_is_refused(cloud: Cloud) -> None:
    early, _ = names()
    reading = role("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
    somewhere = HERE.format("sqs", "nowhere")
    assert "does not exist" in cloud.create({"Role": reading, "Early": function(early), "M": mapping(somewhere)})
    there = {"Early": function(early), "Queue": queue(), "M": mapping({"Fn::GetAtt": ["Queue", "Arn"]})}
    assert "does not have permissions to call DeleteMessage" in cloud.create({"Role": role(), **there})
    assert cloud.create({"Role": reading, **there}) == ""


def test_a_role_a_zip_or_a_queue_that_is_not_there_is_refused(cloud: Cloud) -> None:
    early, _ = names()
    nobody = {"Role": "arn:aws:iam::000000000000:role/nobody"}
    assert "cannot be assumed by Lambda" in cloud.create({"F": function(early, **nobody)})
    nowhere = {"Code": {"S3Bucket": "nowhere", "S3Key": "nothing.zip"}}
    assert "NoSuchKey" in cloud.create({"Role": role(), "F": function(early, **nowhere)})
    dead = queue(RedrivePolicy={"deadLetterTargetArn": HERE.format("sqs", "nowhere"), "maxReceiveCount": 3})
    assert "Dead letter target" in cloud.create({"Q": dead})


def test_a_topic_a_bucket_or_a_function_that_is_named_by_text_and_not_there_is_refused(cloud: Cloud) -> None:
    topic = HERE.format("sns", "nowhere")
    told = {"TopicArn": topic, "Protocol": "email", "Endpoint": "a@example.com"}
    assert "Topic does not exist" in cloud.create({"S": {"Type": "AWS::SNS::Subscription", "Properties": told}})
    policy = {"Bucket": "nowhere", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    assert "bucket does not exist" in cloud.create({"P": {"Type": "AWS::S3::BucketPolicy", "Properties": policy}})
    calling = {"FunctionName": "nowhere", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    assert "Function not found" in cloud.create({"P": {"Type": "AWS::Lambda::Permission", "Properties": calling}})


def test_a_source_s_own_place_for_failures_has_to_be_there_and_open_to_the_role(cloud: Cloud) -> None:
    early, _ = names()
    reading = role("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", resource="*")
    reads = mapping({"Fn::GetAtt": ["Queue", "Arn"]})
    there = {"Role": reading, "Early": function(early), "Queue": queue(), "Failed": queue(), "M": reads}
    for destination, why in (
        (HERE.format("sqs", "nowhere"), "destination ARN"),
        ({"Fn::GetAtt": ["Failed", "Arn"]}, "does not have permissions to call SendMessage"),
    ):
        reads["Properties"]["DestinationConfig"] = {"OnFailure": {"Destination": destination}}
        assert why in cloud.create(there)


def test_what_is_too_large_is_refused(cloud: Cloud) -> None:
    early, _ = names()
    assert "Maximum policy size" in cloud.create({"Role": role(size=11_000)})
    wide = role(size=6_200)["Properties"]["Policies"][0]["PolicyDocument"]
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": wide}}
    assert "quota for PolicySize" in cloud.create({"M": managed})
    many = role()
    many["Properties"]["ManagedPolicyArns"] = [f"arn:aws:iam::aws:policy/P{n}" for n in range(11)]
    assert "quota for PoliciesPerRole" in cloud.create({"Role": many})
    wide = {"Environment": {"Variables": {"A": "x" * 4_100}}}
    assert "4KB limit" in cloud.create({"Role": role(), "F": function(early, **wide)})


def test_a_name_that_is_taken_is_refused(cloud: Cloud) -> None:
    name = f"taken-{uuid.uuid4().hex[:8]}"
    cloud.aws("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
    )  # fmt: skip
    cloud.aws("dynamodb").put_item(TableName=name, Item={"k": {"S": "kept"}})
    table = {"TableName": {"Fn::Sub": name}, "BillingMode": "PAY_PER_REQUEST",
             "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]}  # fmt: skip
    assert "already exists" in cloud.create({"T": {"Type": "AWS::DynamoDB::Table", "Properties": table}})
    assert cloud.aws("dynamodb").get_item(TableName=name, Key={"k": {"S": "kept"}})["Item"]
    cloud.aws("dynamodb").delete_table(TableName=name)


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [
        ("AWS::S3::Bucket", "BucketName", {}),
        ("AWS::Logs::LogGroup", "LogGroupName", {}),
        ("AWS::Lambda::Function", "FunctionName", function("taken")["Properties"]),
    ],
)
def test_a_bucket_a_log_group_or_a_function_of_another_stack_is_refused(
    cloud: Cloud, kind: str, name: str, more: dict[str, Any]
) -> None:
    taken = f"taken-{uuid.uuid4().hex[:8]}"
    one = {"Type": kind, "Properties": {**more, name: taken}}
    other = {**one, "Properties": {**one["Properties"], name: {"Fn::Sub": taken}}, "DependsOn": "One"}
    assert "already exists" in cloud.create({"Role": role(), "One": one, "Other": other})


def test_a_version_has_no_event_invoke_config_but_its_own(cloud: Cloud) -> None:
    """As recorded on AWS: a put on $LATEST leaves version 1 with Lambda's defaults, two retries and no destination."""
    name, aws = f"qualified-{uuid.uuid4().hex[:8]}", cloud.aws
    told = aws("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=told, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as opened:
        opened.writestr("index.py", "def handler(event, context):\n    raise ValueError('as asked')\n")
    aws("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role="arn:aws:iam::000000000000:role/any", Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    version = aws("lambda").publish_version(FunctionName=name)["Version"]
    how = {"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": arn}}}
    aws("lambda").put_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST", **how)

    def received() -> Any:
        return aws("sqs").receive_message(QueueUrl=told, WaitTimeSeconds=1).get("Messages")

    aws("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert until(received)
    aws("lambda").invoke(FunctionName=name, Qualifier=version, InvocationType="Event", Payload=b"{}")

    def tries() -> int:
        events = aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern='"as asked"')["events"]
        return len(events)

    until(lambda: tries() >= 4)  # one of $LATEST, three of the version
    assert received() is None


def test_the_worst_order_keeps_what_references_say_and_nothing_more() -> None:
    kinds = {"F": "AWS::Lambda::Function", "Late": "AWS::Lambda::Function", "C": "AWS::Lambda::EventInvokeConfig",
             "M": "AWS::Lambda::EventSourceMapping", "A": "AWS::SNS::Topic"}  # fmt: skip
    waits = {"C": ["F"], "M": ["Late"], "F": [], "Late": ["A"], "A": []}
    assert order.worst(kinds, waits.__getitem__) == ["F", "C", "A", "Late", "M"]
    with pytest.raises(ValueError, match="Circular"):
        order.worst({"A": "x", "B": "x"}, {"A": ["B"], "B": ["A"]}.__getitem__)
