"""What keeps data: the tables and the bucket. Retained when the stack goes, encrypted, not public.

`by_tenant` and `failed` and `due` carry keys alone: a write that changes no key of an index costs it nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.functions import Function
from infra.stages import Stage
from infra.template.cfn import RETAIN, STACK, Resources, arn_of, ref, resource, sub

RUNS_INDEXES = {
    "due": ("due_shard", "due_at"),
    "by_tenant": ("tenant_shard", "created_at"),
    "failed": ("failed_shard", "created_at"),
    "waiting": ("wait_shard", "created_at"),
}
# a payload may lie this long before its run starts to count its retention: a week's delay, a day in the queue, a
# day's grace (invoke_once/life/moves/starts.py), and one for S3, which counts from midnight
GRACE_DAYS = 10


def resources(stage: Stage, functions: Iterable[Function]) -> Resources:
    """Runs, Tokens, Bucket and its policy."""
    found = {
        "Runs": resource("AWS::DynamoDB::Table", runs_table(stage), **RETAIN),
        "Tokens": resource("AWS::DynamoDB::Table", _tokens(stage), **RETAIN),
        "Bucket": resource("AWS::S3::Bucket", _bucket(stage, functions), **RETAIN),
    }
    if stage.tls_only:
        policy = tls_only([arn_of("Bucket"), sub("${Bucket.Arn}/*")])
        found["BucketPolicy"] = resource("AWS::S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": policy})
    return found


def runs_table(stage: Stage) -> dict[str, Any]:
    keys = {"run_id": "S", "part": "S"}
    for partition, sort in RUNS_INDEXES.values():
        keys |= {partition: "S", sort: "N"}
    return _table(stage, "runs", keys, ("run_id", "part")) | {
        "GlobalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": _schema(pair), "Projection": {"ProjectionType": "KEYS_ONLY"}}
            for name, pair in RUNS_INDEXES.items()
        ],
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def _tokens(stage: Stage) -> dict[str, Any]:
    by_tenant = {
        "IndexName": "by_tenant",
        "KeySchema": _schema(("tenant", "id")),
        "Projection": {"ProjectionType": "ALL"},
    }
    return _table(stage, "tokens", {"id": "S", "tenant": "S"}, ("id",)) | {"GlobalSecondaryIndexes": [by_tenant]}


def _table(stage: Stage, name: str, keys: dict[str, str], primary: tuple[str, ...]) -> dict[str, Any]:
    return {
        "TableName": sub(f"{STACK}-{name}"),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
        "KeySchema": _schema(primary),
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": _table_encryption(stage),
        "DeletionProtectionEnabled": stage.deletion_protection,
    }


def _schema(pair: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(pair, ("HASH", "RANGE"), strict=False)]


def _table_encryption(stage: Stage) -> dict[str, Any]:
    key = {"SSEType": "KMS", "KMSMasterKeyId": stage.kms_key_arn} if stage.kms_key_arn else {}
    return {"SSEEnabled": True, **key}


def _bucket(stage: Stage, functions: Iterable[Function]) -> dict[str, Any]:
    longest = max(function.retention_days for function in functions)
    yours = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": stage.kms_key_arn}
    encryption: dict[str, Any] = {
        "ServerSideEncryptionByDefault": yours if stage.kms_key_arn else {"SSEAlgorithm": "AES256"}
    }
    if stage.kms_key_arn:
        encryption["BucketKeyEnabled"] = True  # one call to KMS for many objects
    old = {"NoncurrentVersionExpiration": {"NoncurrentDays": 7}} if stage.versioned_bucket else {}
    return {
        "BucketName": sub(f"{STACK}-data-${{AWS::AccountId}}-${{AWS::Region}}"),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        **({"VersioningConfiguration": {"Status": "Enabled"}} if stage.versioned_bucket else {}),
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        # a page of another site that has a link to a run is sent here for a large output, by a presigned URL
        "CorsConfiguration": {
            "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"], "MaxAge": 7200}]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "forget-after-the-longest-retention",
                    "Status": "Enabled",
                    "ExpirationInDays": longest + GRACE_DAYS,
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    **old,
                }
            ]
        },
    }


def tls_only(resources: list[Any]) -> dict[str, Any]:
    """A bucket's policy: nobody speaks plain http to it."""
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
