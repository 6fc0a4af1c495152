"""`make package STAGE=…`: the sources become what is deployed, with no AWS near.

    sources ──copy──▶ build/.staging ──chalice package, our merge template──▶ a SAM template and two zips
            ──SAM's own translator──▶ build/STAGE/template.json: plain CloudFormation, finished
                                      build/STAGE/deployment.zip: app.py, chalicelib, invoke_once, functions
                                      build/STAGE/layer.zip: the libraries; NAME.zip: other languages

Where the zips will be is left to the template's parameters, which `make deploy` fills in; so the template
needs no bucket and no rewriting. Staging is a copy without caches: what lies about in the work tree cannot
ship. Chalice caches by content and not by name, so its cache of the code is cleared. The layer is installed by
hash from requirements.lock (`libraries.py`) and kept, so a package after a code change takes two seconds.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.functions import Function, load, target_of
from chalicelib.runs.inputs import check_schemas
from infra import stages
from infra.paths import BUILD, FUNCTIONS_TOML, ROOT, VENV
from infra.ship import layer, libraries, node, zips
from infra.ship.callbacks import check_callbacks
from infra.ship.handlers import check_handlers
from infra.ship.libraries import NotInstalled
from infra.stages import Stage
from infra.template import alarms, exceptions, sizes
from infra.template.cfn import ref
from infra.template.compute import code_parameter
from infra.template.merge import merge_template
from invoke_once.errors import ConfigurationError
from invoke_once.life import keys

REGION_FOR_PACKAGING = "us-east-1"  # Chalice and SAM want one; nothing of it is in the template, a test says
RUNTIME_BRINGS = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "python_dateutil", "six"})
VENDORED = "libraries"  # Chalice declares a layer if anything is in vendor/; its content is `libraries`'
INPUTS = (
    "app.py", "requirements.lock", "node/package-lock.json", "functions.toml", ".chalice/config.json",
    "infra/ship/package.py", "infra/ship/libraries.py", "infra/ship/zips.py", "infra/ship/node.py", "infra/ship/npm.py",
)  # fmt: skip


class PackagingFailed(Exception):
    """There is nothing to deploy; the message says why."""


PROBLEMS = (PackagingFailed, sizes.TooLarge, NotInstalled, layer.LayerFailed, ConfigurationError, stages.StageProblem)


@dataclass(frozen=True)
class Package:
    """What `make package` made: the template, the zip that each of its parameters stands for, and other values."""

    directory: Path
    zips: Mapping[str, Path]
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def template(self) -> Path:
        return self.directory / "template.json"


def content(stage: Stage) -> str:
    """Stands for everything that decides what is deployed: equal content needs no new deployment.

    Of `infra` that is the template it makes, and how zips are made of sources; its other files may change freely.
    """
    functions = list(load(FUNCTIONS_TOML, stage.stack).values())
    files = {name: (ROOT / name).read_bytes() for name in INPUTS}
    for directory in ("chalicelib", "invoke_once"):
        files |= zips.tree(ROOT / directory, f"{directory}/")
    files |= node.library()
    made: list[Any] = [merge_template(stage, functions, stage.python), exceptions.REASONS, alarms.values(stage)]
    made += [stage.bundle_boto3, stage.python, stage.architecture, stage.tags]
    return zips.digest(files | {"template": json.dumps(made).encode()})


def package(stage: Stage) -> Package:
    """build/STAGE, made anew, file by file: who reads it meanwhile finds whole files."""
    functions = list(load(FUNCTIONS_TOML, stage.stack).values())
    check_schemas(functions)
    check_regions(functions, os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))
    _check_marks(functions)
    check_handlers(functions)
    check_callbacks(functions, stage)
    staging = BUILD / ".staging" / stage.name
    with _one_at_a_time(BUILD / f".{stage.name}.lock"):
        _stage_sources(stage, staging, functions)
        with ThreadPoolExecutor(1) as beside:  # `_write_zips` finds them installed
            installing = beside.submit(libraries.installed, stage.python, architecture=stage.architecture)
            _run_chalice(stage, staging)
        installing.result()
        out = BUILD / stage.name
        made = Package(out, _write_zips(stage, staging, out, functions), alarms.values(stage))
        template = exceptions.explained(_finished(stage, staging / "out" / "sam.json"))
        sizes.check(template, stage.stack)
        zips.write_whole(made.template, (json.dumps(template, indent=1) + "\n").encode())
        for stale in {*out.iterdir()} - {made.template, *made.zips.values()}:
            stale.unlink()
    return made


def check_regions(functions: Iterable[Function], here: str | None) -> None:
    """Lambda calls no function of another Region; `here` is None where packaging does not know its own."""
    regions = {target.region: function.name for function in functions if (target := target_of(function)).region}
    wrong = {region: name for region, name in regions.items() if region != (here or next(iter(regions)))}
    for region, name in wrong.items():
        raise PackagingFailed(
            f"[functions.{name}] has a target in {region}, and Lambda calls no function of another region"
        )


def _check_marks(functions: Iterable[Function]) -> None:
    """Roles tell functions apart by 25 bits of their names' hashes."""
    known: dict[str, str] = {}
    for function in functions:
        other = known.setdefault(keys.mark(function.name), function.name)
        if other != function.name:
            raise PackagingFailed(f"the names {other} and {function.name} begin ids alike: rename one of them")


def _stage_sources(stage: Stage, staging: Path, functions: list[Function]) -> None:
    staging.mkdir(parents=True, exist_ok=True)
    for name in ("app.py", "functions.toml"):
        shutil.copyfile(ROOT / name, staging / name)
    (staging / "requirements.txt").write_text("")
    (staging / "vendor").mkdir(exist_ok=True)
    (staging / "vendor" / VENDORED).write_text(VENDORED)
    others = tuple(ROOT / function.code for function in functions if function.code)
    for name in ("chalicelib", "invoke_once"):
        shutil.rmtree(staging / name, ignore_errors=True)
        for inside, data in zips.tree(ROOT / name, f"{name}/", without=others).items():
            (staging / inside).parent.mkdir(parents=True, exist_ok=True)
            (staging / inside).write_bytes(data)
    chalice = staging / ".chalice"
    (chalice / "deployments").mkdir(parents=True, exist_ok=True)
    for stale in (chalice / "deployments").glob("appcode-*"):
        stale.unlink()
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    (chalice / "config.json").write_text(json.dumps(config | {"stages": {stage.name: {}}}))
    (chalice / config["iam_policy_file"]).write_text('{"Version": "2012-10-17", "Statement": []}')
    (staging / "merge.json").write_text(json.dumps(merge_template(stage, functions, stage.python)))


def _run_chalice(stage: Stage, staging: Path) -> None:
    arguments = [
        "package",
        "--pkg-format",
        "cloudformation",
        "--merge-template",
        "merge.json",
        "--stage",
        stage.name,
        "out",
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "ONCE_"))}
    settings = {
        "AWS_DEFAULT_REGION": REGION_FOR_PACKAGING,
        "PYTHONDONTWRITEBYTECODE": "1",
        "ONCE_STACK": stage.stack,
    }
    done = subprocess.run(
        [str(VENV / "bin" / "chalice"), *arguments],
        cwd=staging, env=kept | settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    log = BUILD / f"package-{stage.name}.log"
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise PackagingFailed(f"chalice package failed: {''.join(last)} (whole log: {log.relative_to(ROOT)})")


def _write_zips(stage: Stage, staging: Path, out: Path, functions: list[Function]) -> dict[str, Path]:
    code = zips.read(staging / "out" / "deployment.zip")
    code |= zips.library(staging / "invoke_once", "invoke_once/")
    code["functions.toml"] = (staging / "functions.toml").read_bytes()
    contents = {
        "CodeKey": ("deployment.zip", code),
        "LayerKey": ("layer.zip", _libraries(stage, libraries.layer(stage.python, stage.architecture))),
        "LibraryKey": ("invoke-once-layer.zip", layer.files(boto3=stage.bundle_boto3)),
    }
    for function in functions:
        if function.code:
            contents[code_parameter(function)] = (f"{function.name}.zip", _own_code(stage, function))
    for name, files in contents.values():
        zips.write(out / name, files)
    return {parameter: out / name for parameter, (name, _) in contents.items()}


def _own_code(stage: Stage, function: Function) -> dict[str, bytes]:
    """The files of a function in another language; a tracked one in Node.js has its library beside them."""
    files = zips.tree(ROOT / function.code)
    if function.mode == "tracked" and function.runtime.startswith("nodejs"):
        files |= node.library() | (node.sdk() if stage.local else {})
    return files


def _libraries(stage: Stage, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The layer's files; without boto3 and what only it needs where Lambda's runtime is to bring them."""
    if stage.bundle_boto3:
        return dict(files)
    return {name: data for name, data in files.items() if _distribution(name) not in RUNTIME_BRINGS}


def _distribution(name: str) -> str:
    top = name.split("/site-packages/", 1)[-1].split("/", 1)[0]
    return top.removesuffix(".py").split("-", 1)[0]


def _finished(stage: Stage, sam_template: Path) -> dict[str, Any]:
    """Plain CloudFormation, translated by SAM's own translator, as AWS would do it at deploy time."""
    template = json.loads(sam_template.read_text())
    for found in template["Resources"].values():
        if found["Type"] == "AWS::Serverless::Function":
            found["Properties"]["CodeUri"] = {"Bucket": ref("ArtifactBucket"), "Key": ref("CodeKey")}
        if found["Type"] == "AWS::Serverless::LayerVersion":
            found["Properties"]["ContentUri"] = {"Bucket": ref("ArtifactBucket"), "Key": ref("LayerKey")}
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION_FOR_PACKAGING)
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    from samtranslator.translator.transform import transform  # half a second to import

    translated: dict[str, Any] = transform(template, {}, _NoManagedPolicies())
    _on_the_stage_s_runtime(stage, translated["Resources"])
    api = translated["Resources"]["RestAPI"]["Properties"]
    # every body comes in base64: as text, the gateway would repair what is not UTF-8 before anyone could see it. Not
    # said in app.py: Chalice would answer in base64 too. A property, as the emulator does not know the extension
    api["Body"].pop("x-amazon-apigateway-binary-media-types")
    api["BinaryMediaTypes"] = ["*/*"]
    return translated


def _on_the_stage_s_runtime(stage: Stage, resources: dict[str, Any]) -> None:
    """Chalice writes the Python it runs on; SAM gives every deployment a second stage, called Stage."""
    for name, found in resources.items():
        properties = found["Properties"]
        if name.startswith("ManagedLayer"):  # not the library's own, which is for every Python
            properties |= {"CompatibleRuntimes": [stage.python], "CompatibleArchitectures": [stage.architecture]}
        if found["Type"] == "AWS::Lambda::Function":
            properties["Architectures"] = [stage.architecture]
            if properties["Runtime"].startswith("python") and "Layers" in properties:
                properties["Runtime"] = stage.python
        if found["Type"] == "AWS::ApiGateway::Deployment":
            properties.pop("StageName", None)
        if found["Type"] == "AWS::ApiGateway::Stage":
            properties["Description"] = ref("Content")  # so that other content is always a change


class _NoManagedPolicies:
    """SAM may look managed policies up by name; ours are all written out."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    try:
        made = package(stages.load(sys.argv[1] if len(sys.argv) > 1 else stages.LOCAL))
    except PROBLEMS as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"{made.template.relative_to(ROOT)}: the finished template; the zips are beside it")
    for path in made.zips.values():
        print(f"  {path.stat().st_size / 1024:8.1f} KB  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
