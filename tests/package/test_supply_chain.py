"""What is shipped comes from where it should: locked by hash, under licences that allow it, without a secret."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import stages
from infra.paths import ROOT
from infra.ship import libraries, licences, package, zips
from infra.ship.libraries import LOCK, NotInstalled
from infra.template import exceptions

PYTHON = stages.load("prod").python

#: what a secret looks like; a line that shows how one looks is told apart by its own words
SECRETS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a token of this service": r"\bonce_[a-z0-9]{16}_[A-Za-z0-9-]{43}\b",
    "a webhook secret": r"\bwhsec_[A-Za-z0-9+/]{43}=",
    "a GitHub token": r"\b(?:ghp|gho|ghs|github_pat)_[A-Za-z0-9_]{30,}\b",
    "a Slack token": r"\bxox[abp]-[A-Za-z0-9-]{20,}\b",
    "a password in a URL": r"\b[a-z]+://[^/\s:@'\"{}<>\[\]]+:[^/\s:@'\"{}<>$]{6,}@[a-z0-9-]+\.[a-z]",
}
#: secrets that are published as examples, and the answer of a test whose master key is a row of numbers
PUBLISHED = (
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "AKIAIOSFODNN7EXAMPLE",
    "UDFiDCbGG/vDOB5hksgcUShk",
)


def locked() -> dict[str, list[str]]:
    """name==version: hashes."""
    found: dict[str, list[str]] = {}
    for line in LOCK.read_text().replace("\\\n", " ").splitlines():
        pin, *hashes = line.split()
        found[pin] = hashes
    return found


def test_the_lock_names_what_the_requirements_name_and_nothing_else() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    assert set(locked()) == wanted, "make lock"
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in wanted)


def test_every_library_is_locked_by_hash_and_no_place_is_named() -> None:
    for pin, hashes in locked().items():
        assert hashes, pin
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), pin
    assert not re.search(r"://|index|find-links|trusted|\.org|\.com", LOCK.read_text())


def test_a_library_that_is_not_what_was_locked_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "requirements.lock"
    bad.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(NotInstalled, match="DO NOT MATCH THE HASHES"):
        libraries.installed(PYTHON, bad)


def test_a_library_without_a_hash_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "requirements.lock"
    bad.write_text("six==1.17.0\n")
    with pytest.raises(NotInstalled, match="--require-hashes"):
        libraries.installed(PYTHON, bad)


def test_the_layer_is_what_was_installed_by_hash(prod: package.Package) -> None:
    shipped = zips.read(prod.zips["LayerKey"])
    installed = libraries.layer(PYTHON)
    assert shipped.items() <= installed.items()
    assert {name.split("/")[4] for name in shipped} >= {"pynamodb", "msgspec", "fastjsonschema", "urllib3"}


@pytest.mark.parametrize(("architecture", "wheels"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_the_layer_is_made_for_the_stage_s_runtime_whoever_packages(architecture: str, wheels: str) -> None:
    compiled = [name for name in libraries.layer(PYTHON, architecture) if name.endswith(".so")]
    assert compiled
    assert all(f"cpython-{PYTHON.removeprefix('python').replace('.', '')}-{wheels}" in name for name in compiled)


def test_the_list_of_licences_is_true_and_all_are_welcome() -> None:
    assert licences.FILE.read_text() == licences.document(), "python -m infra.ship.licences"
    assert {licence for _, _, licence in [licences.chalice(), *licences.found()]} <= licences.WELCOME


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("kind", list(SECRETS))
def test_no_secret_is_in_the_repository(kind: str) -> None:
    found = []
    for file in tracked():
        text = file.read_bytes().decode("utf-8", "ignore")
        for match in re.finditer(SECRETS[kind], text):
            if not any(published in match[0] for published in PUBLISHED):
                found.append(f"{file.relative_to(ROOT)}: {match[0][:12]}…")
    assert found == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("an AWS access key", "AKIA" + "ABCDEFGHIJKLMNOP"),
        ("a token of this service", "once_0123456789abcdef_" + "a" * 43),
        ("a webhook secret", "whsec_" + "A" * 43 + "="),
        ("a password in a URL", "https" + "://user:hunter22@example.com/"),
    ],
)
def test_a_secret_would_be_seen(kind: str, text: str) -> None:
    assert re.search(SECRETS[kind], f"x = '{text}'")


def test_what_is_kept_on_disk_and_must_not_be_committed_is_ignored() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", ".local/once.env", ".local/state/emulator.json", "build/prod/template.json", ".venv/x"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert len(ignored.stdout.split()) == 4


def test_each_exception_from_advice_stands_beside_its_resource_with_a_reason(template: dict[str, Any]) -> None:
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert set(exceptions.REASONS) <= kinds
    for resource in template["Resources"].values():
        skipped = resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
        assert {each["id"] for each in skipped} == set(exceptions.REASONS.get(resource["Type"], {}))
        assert all(len(each["comment"]) > 30 for each in skipped)
