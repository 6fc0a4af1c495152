"""`make audit`: what is known against the dependencies and the template, and the list of licences.

Needs the network for pip-audit's database. Where it cannot be asked, the rest is looked at all the same, and the end
says that nobody has looked for holes: exit 3. Exit 1: something was found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from infra import stages
from infra.paths import LOCAL
from infra.ship import licences, package
from infra.ship.libraries import LOCK

AUDIT = LOCAL / "audit" / "bin"
KNOWN_HOLE = "jinja2==2.4.1\n"  # CVE-2014-0012 and later ones
UNASKED = 3


def pip_audit(program: Path = AUDIT / "pip-audit") -> int:
    """Known holes in the libraries of the zip. `--strict`: one that cannot be looked up is an error."""
    if not database_answers(program):
        print("pip-audit:\n  not asked: no vulnerability database answers", flush=True)
        return UNASKED
    return _run("pip-audit", program, "--strict", "--disable-pip", "--require-hashes", "-r", LOCK)


def database_answers(program: Path) -> bool:
    """Whether it tells of a hole that everybody knows. An index without a database may answer, and tell of none."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as known:
        known.write(KNOWN_HOLE)
        known.flush()
        asked = subprocess.run(
            [program, "--disable-pip", "--no-deps", "--progress-spinner", "off", "-f", "json", "-r", known.name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
    try:
        return any(one.get("vulns") for one in json.loads(asked.stdout)["dependencies"])
    except (ValueError, KeyError):
        return False


def checkov(template: Path) -> int:
    arguments = ("--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "-f", template)
    return _run("checkov", AUDIT / "checkov", *arguments)


def second_cloud(template: Path) -> int:
    """moto's CloudFormation, and parliament on the roles."""
    return _run(
        "second cloud", LOCAL / "cloud" / "bin" / "python", Path(__file__).with_name("second_cloud.py"), template
    )


def sam_validate(template: Path) -> int:
    """SAM's own reading of the template, without an account; it tells nobody that it ran."""
    quiet = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": package.REGION_FOR_PACKAGING}
    arguments = ("validate", "--lint", "--template", template)
    return _run("sam validate", LOCAL / "sam" / "bin" / "sam", *arguments, env=os.environ | quiet)


def cfn_lint(template: Path) -> int:
    """In three Regions of two partitions, by the cfn-lint that the SAM CLI brings."""
    regions = ("us-east-1", "eu-central-1", "cn-north-1")
    return _run("cfn-lint", LOCAL / "sam" / "bin" / "cfn-lint", "-t", template, "-r", *regions)


def _run(name: str, program: Path, *arguments: object, env: Mapping[str, str] | None = None) -> int:
    print(f"{name}:", flush=True)
    code = subprocess.run([str(program), *map(str, arguments)], stdin=subprocess.DEVNULL, env=env).returncode
    print("  clean" if code == 0 else f"  exit {code}", flush=True)
    return code


def main() -> int:
    template = package.package(stages.load("prod")).template
    codes = [
        checkov(template),
        cfn_lint(template),
        sam_validate(template),
        second_cloud(template),
        licences.main(),
        pip_audit(),
    ]
    return verdict(codes)


def verdict(codes: Iterable[int]) -> int:
    """What was found counts more than what could not be asked."""
    found = {*codes} - {0}
    if found == {UNASKED}:
        print("all else is clean; whether the libraries have known holes is not known", flush=True)
        return UNASKED
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
