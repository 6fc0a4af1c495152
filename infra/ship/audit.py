"""`make audit`: what is known against the dependencies and the template, and the list of licences.

Needs the network for pip-audit's database. Where it cannot be asked, that is an error and not a pass.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra import stages
from infra.paths import LOCAL, VENV
from infra.ship import licences, package
from infra.ship.libraries import LOCK

AUDIT = LOCAL / "audit" / "bin"


def pip_audit() -> int:
    """Known holes in the libraries of the zip. `--strict`: one that cannot be looked up is an error."""
    return _run("pip-audit", AUDIT / "pip-audit", "--strict", "--disable-pip", "--require-hashes", "-r", LOCK)


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
    return _run("cfn-lint", VENV / "bin" / "cfn-lint", "-t", template, "-r", "us-east-1", "eu-central-1")


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
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
