"""The part of the template that Chalice does not write; Chalice merges it into its own
(`--merge-template`).

A resource with Chalice's logical id completes Chalice's; a new id is added. Names that collide would be
merged too, so everything of ours that is not meant to be merged has an id that no Chalice function can
have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.functions import Function
from infra.stages import Stage
from infra.template import alarms, compute, dashboard, gateway, listeners, schedules, storage, wakeups
from infra.template.cfn import RETAIN, STACK, ref, resource, sub

#: Of the library's layer, which is plain Python.
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def merge_template(stage: Stage, functions: Iterable[Function], python: str) -> dict[str, Any]:
    """Everything but Chalice's own: `python` is Lambda's name of the runtime that the zips are made for."""
    functions = list(functions)
    return {
        "Description": "invoke-once: one request, one run, a result that is never lost",
        "Parameters": {**_code_parameters(functions), **(alarms.parameters(stage) if stage.alarms else {})},
        **({"Conditions": alarms.conditions()} if stage.alarms else {}),
        "Resources": {
            **storage.resources(stage, functions),
            **wakeups.resources(stage),
            **compute.resources(stage, functions, python),
            **schedules.resources(functions),
            **gateway.resources(stage),
            **listeners.resources(stage),
            "ManagedLayer": _layer(),
            "LibraryLayer": _library_layer(),
            **alarms.resources(stage, functions),
            **dashboard.resources(stage, functions),
        },
        "Outputs": {
            "Content": {"Value": ref("Content"), "Description": "stands for what is deployed"},
            "Bucket": {"Value": ref("Bucket")},
            "RunsTable": {"Value": ref("Runs")},
            "TokensTable": {"Value": ref("Tokens")},
            "WakeQueue": {"Value": ref("WakeQueue")},
            "LayerArn": {"Value": ref("LibraryLayer"), "Description": "the library, for functions of other stacks"},
            **gateway.outputs(stage),
            **listeners.outputs(stage),
        },
    }


def _layer() -> dict[str, Any]:
    return {"Properties": {"LayerName": sub(f"{STACK}-libraries"), "RetentionPolicy": "Delete"}}


def _library_layer() -> dict[str, Any]:
    """The library for Python functions of other stacks (`make layer`). A version stays: they may be on it."""
    properties = {
        "LayerName": sub(f"{STACK}-invoke-once"),
        "Description": "invoke_once and what it stands on, for functions that are deployed elsewhere",
        "CompatibleRuntimes": list(PYTHONS),
        "CompatibleArchitectures": ["arm64", "x86_64"],
        "Content": {"S3Bucket": ref("ArtifactBucket"), "S3Key": ref("LibraryKey")},
    }
    return resource("AWS::Lambda::LayerVersion", properties, **RETAIN)


def _code_parameters(functions: list[Function]) -> dict[str, Any]:
    """Where the zips are: `make deploy` uploads them under names made of their content and fills these in."""
    keys = ["CodeKey", "LayerKey", "LibraryKey", *(compute.code_parameter(f) for f in functions if f.code)]
    bucket = {
        "ArtifactBucket": {"Type": "String", "Description": "the bucket that holds the zips"},
        "Content": {"Type": "String", "Default": "unknown", "Description": "stands for what is deployed"},
    }
    return bucket | {key: {"Type": "String", "Description": f"S3 key of a zip: {key}"} for key in keys}
