"""Events as AWS sends them (Lambda Developer Guide, the page of each service; ids made up)."""

from __future__ import annotations

from typing import Any


def eventbridge(event_id: str = "12345678-1234-1234-1234-111122223333", detail: Any = None) -> dict[str, Any]:
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "111122223333",
        "time": "2026-11-23T12:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:111122223333:rule/daily"],
        "detail": detail or {},
    }


def sqs(*messages: tuple[str, str], queue: str = "orders") -> dict[str, Any]:
    """`messages`: (messageId, body)."""
    return {"Records": [_message(name, body, queue) for name, body in messages]}


def _message(name: str, body: str, queue: str) -> dict[str, Any]:
    return {
        "messageId": name,
        "receiptHandle": f"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a…{name}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-2:123456789012:{queue}",
        "awsRegion": "us-east-2",
    }


def sns(message_id: str = "95df01b4-ee98-5cb9-9903-4c221d41eb5e", message: str = "Hello") -> dict[str, Any]:
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:sns-lambda:21be56ed-a058-49f5-8c98-aedd2564c486",
        "EventSource": "aws:sns",
        "Sns": {
            "SignatureVersion": "1",
            "Timestamp": "2019-01-02T12:45:07.000Z",
            "MessageId": message_id,
            "Message": message,
            "Type": "Notification",
            "TopicArn": "arn:aws:sns:us-east-1:123456789012:sns-lambda",
            "Subject": "TestInvoke",
        },
    }
    return {"Records": [record]}


def s3(key: str = "in/orders.csv", sequencer: str = "0A1B2C3D4E5F678901") -> dict[str, Any]:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-2",
        "eventTime": "2019-09-03T19:37:27.192Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "828aa6fc-f7b5-4305-8584-487c791949c1",
            "bucket": {"name": "bucket", "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"}, "arn": "arn:aws:s3:::b"},
            "object": {"key": key, "size": 1305107, "eTag": "b21b84d653bb07b05b1e6b33684dc11b", "sequencer": sequencer},
        },
    }
    return {"Records": [record]}


def dynamodb(*event_ids: str) -> dict[str, Any]:
    return {"Records": [_change(name) for name in event_ids]}


def _change(event_id: str) -> dict[str, Any]:
    return {
        "eventID": event_id,
        "eventVersion": "1.0",
        "dynamodb": {"Keys": {"Id": {"N": "101"}}, "SequenceNumber": "111", "StreamViewType": "KEYS_ONLY"},
        "awsRegion": "us-west-2",
        "eventName": "INSERT",
        "eventSourceARN": "arn:aws:dynamodb:us-west-2:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
        "eventSource": "aws:dynamodb",
    }


def kinesis(*numbers: str) -> dict[str, Any]:
    """Records with these sequence numbers."""
    return {"Records": [_record(number) for number in numbers]}


def _record(number: str) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": number,
            "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
            "approximateArrivalTimestamp": 1545084650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-2",
        "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
    }
