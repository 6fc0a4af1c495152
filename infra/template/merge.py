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
from infra.template.cfn import STACK, ref, sub


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
            **alarms.resources(stage, functions),
            **dashboard.resources(stage, functions),
        },
        "Outputs": {
            "Content": {"Value": ref("Content"), "Description": "stands for what is deployed"},
            "Bucket": {"Value": ref("Bucket")},
            "RunsTable": {"Value": ref("Runs")},
            "TokensTable": {"Value": ref("Tokens")},
            "WakeQueue": {"Value": ref("WakeQueue")},
            **gateway.outputs(stage),
            **listeners.outputs(stage),
        },
    }


def _layer() -> dict[str, Any]:
    return {"Properties": {"LayerName": sub(f"{STACK}-libraries"), "RetentionPolicy": "Delete"}}


def _code_parameters(functions: list[Function]) -> dict[str, Any]:
    """Where the zips are: `make deploy` uploads them under names made of their content and fills these in."""
    keys = ["CodeKey", "LayerKey", *(compute.code_parameter(f) for f in functions if f.code)]
    bucket = {
        "ArtifactBucket": {"Type": "String", "Description": "the bucket that holds the zips"},
        "Content": {"Type": "String", "Default": "unknown", "Description": "stands for what is deployed"},
    }
    return bucket | {key: {"Type": "String", "Description": f"S3 key of a zip: {key}"} for key in keys}
