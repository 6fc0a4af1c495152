"""A sample of `make least-privilege`: some statements, each proven to be needed on an emulator that enforces IAM.

`make test-auth` runs it: the emulator and the stack of its own take half a minute. `make test` looks at the list alone.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator

import pytest

from infra.operate import least_privilege
from infra.operate.least_privilege import Granted, Proof, statements
from infra.ship.package import Package
from infra.template.access import Grant

enforced = pytest.mark.skipif(os.environ.get("ONCE_TEST_AUTH") != "true", reason="make test-auth runs it")
#: One that a caller sees fail at once, and one that AWS itself has to have.
SAMPLE = [("api", "tokens"), ("wake", "read the wake queue")]


@pytest.fixture(scope="module")
def proof(prod: Package) -> Iterator[Proof]:
    emulator, made = least_privilege.start(prod)
    yield made
    made.close()
    emulator.forget()


@enforced
@pytest.mark.slow
@pytest.mark.parametrize(("function", "why"), SAMPLE)
def test_something_fails_without_the_statement(proof: Proof, function: str, why: str) -> None:
    (granted,) = [found for found in statements() if (found.function, found.grant.why) == (function, why)]
    verdict = proof.verdict(granted)
    assert verdict.needed, str(verdict)


@enforced
@pytest.mark.slow
def test_a_statement_that_nothing_needs_is_told(proof: Proof) -> None:
    """The right to read logs, taken for the one that reads tokens: listing tokens goes on without it."""
    (logs,) = [found for found in statements() if found.grant.why == "`GET /runs/{id}/logs`"]
    spare = Granted("api", logs.number, dataclasses.replace(logs.grant, why="tokens"))
    verdict = proof.verdict(spare)
    assert not verdict.needed and str(verdict).strip().startswith("NOT NEEDED")


def test_every_statement_is_tried_or_held_by_the_template() -> None:
    kinds = {(found.function, found.grant.why) for found in statements()}
    assert {key for key in least_privilege.PROBES if key[0]} <= kinds
    assert isinstance(next(statements()).grant, Grant)
