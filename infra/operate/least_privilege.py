"""`make least-privilege`: take one statement of one role away at a time, and show that something fails without it.

An emulator of its own enforces IAM (AUTH=true). For each statement its probe has to succeed with the role as it is and
to fail without that statement; sandboxes are started anew for both, so that nothing is remembered. The sweep's rule is
off meanwhile, or it would do later what a stream or queue could not. What the emulator does not ask IAM for is proven
on the template instead (`reachable.py`). Sample functions have the same statements: `echo` stands for them.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra import stages
from infra.local.emulator import Emulator
from infra.operate import reachable, security_doc
from infra.operate.probes import IMPATIENCE_S, PROBES, Failed, Probes
from infra.paths import LOCAL
from infra.ship import package
from infra.ship.deploy import deploy_locally
from infra.template.access import Grant
from infra.template.cfn import camel
from infra.template.compute import ROLES, SERVICE

STAND_FOR_OTHERS = ("echo", "report", "node-hello")
STACK = "invoke-once-least"
POLICY = "exactly"
TRIES = 3


@dataclass(frozen=True)
class Granted:
    """One statement: whose, the how manyth of its role, what."""

    function: str
    number: int
    grant: Grant


@dataclass(frozen=True)
class Verdict:
    """Whether something fails without a statement, and what."""

    granted: Granted
    needed: bool
    by: str

    def __str__(self) -> str:
        grant, word = self.granted.grant, "needed" if self.needed else "NOT NEEDED"
        return f"  {word:10}  {self.granted.function:10}  {', '.join(grant.actions)}  ({grant.why}): {self.by}"


class Proof:
    """One deployed stack whose IAM is enforced, and the finished template."""

    def __init__(self, probes: Probes, template: dict[str, Any]) -> None:
        self._probes, self._template = probes, template
        self._iam = probes.client("iam")

    def verdict(self, granted: Granted, *, certain: bool = False) -> Verdict:
        """Raises `Failed` if the probe fails with the role as it is, again and again: then nothing is proven.

        `certain`: it has to fail twice without the statement. An event may be lost by chance, where sandboxes end.
        """
        probe = probe_of(granted)
        if probe is None:
            return on_template(self._template, granted)
        patience_s = max(IMPATIENCE_S, 2 * self._succeeds(probe, granted.function))
        role = self._role(granted.function)
        whole = self._iam.get_role_policy(RoleName=role, PolicyName=POLICY)["PolicyDocument"]
        self._put(role, _less(whole, granted))
        try:
            for _ in range(2 if certain else 1):
                failed = self._fails(probe, granted.function, patience_s)
                if failed is None:
                    return Verdict(granted, False, f"{probe} succeeds without it")
        finally:
            self._put(role, whole)
        return Verdict(granted, True, f"{probe}: {failed}")

    def _succeeds(self, probe: str, function: str) -> float:
        """How many seconds it took."""
        for left in reversed(range(TRIES)):
            began = time.monotonic()
            try:
                self._probes.run(probe, function)
                break
            except Failed:
                if not left:
                    raise
        return time.monotonic() - began

    def _fails(self, probe: str, function: str, patience_s: float) -> Failed | None:
        try:
            self._probes.run(probe, function, patience_s)
        except Failed as failed:
            return failed
        return None

    def close(self) -> None:
        self._probes.close()

    def _put(self, role: str, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document))

    def _role(self, function: str) -> str:
        found = self._probes.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{function}")
        return str(found["Role"].rpartition("/")[2])


def probe_of(granted: Granted) -> str | None:
    """The probe that needs the statement; None for what AWS itself does with a role."""
    return PROBES.get((granted.function, granted.grant.why)) or PROBES.get(("", granted.grant.why))


def on_template(template: dict[str, Any], granted: Granted) -> Verdict:
    """Whether AWS itself would lack the statement, by the finished template."""
    without = copy.deepcopy(template)
    logical = SERVICE[granted.function][0] if granted.function in SERVICE else f"Target{camel(granted.function)}"
    policy = without["Resources"][ROLES.get(granted.function, f"{logical}Role")]["Properties"]["Policies"][0]
    policy["PolicyDocument"] = _less(policy["PolicyDocument"], granted)
    lacking = reachable.missing(without)
    return Verdict(granted, bool(lacking), f"AWS lacks {lacking[0][1]}" if lacking else "nothing asks for it")


def _less(document: dict[str, Any], granted: Granted) -> dict[str, Any]:
    """The policy without this statement."""
    statements = list(document["Statement"])
    taken = statements.pop(granted.number)
    assert set(taken["Action"]) == set(granted.grant.actions)
    return {**document, "Statement": statements}


def statements() -> Iterator[Granted]:
    """Each statement once: the sample functions' are alike."""
    numbers: Counter[str] = Counter()
    for function, grant in security_doc.grants():
        if function in SERVICE or function in STAND_FOR_OTHERS:
            yield Granted(function, numbers[function], grant)
        numbers[function] += 1


def start(prod: package.Package | None = None) -> tuple[Emulator, Proof]:
    """An emulator that enforces IAM, the stack on it, and the proof that will use it. `prod`: packaged already."""
    home = LOCAL / "least-privilege"
    emulator = Emulator(home, {"AUTH": "true", "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.05"})
    emulator.forget()
    emulator.start()
    deployed = deploy_locally(emulator.url, home / "once.env", STACK)
    template = json.loads((prod or package.package(stages.load("prod"))).template.read_text())
    return emulator, Proof(Probes(emulator.url, STACK, deployed), template)


def main() -> int:
    began = time.monotonic()
    emulator, proof = start()
    try:
        verdicts = []
        for granted in statements():
            verdicts.append(proof.verdict(granted, certain=True))
            print(verdicts[-1], flush=True)
    finally:
        proof.close()
        emulator.forget()
    spare = [verdict for verdict in verdicts if not verdict.needed]
    print(f"{len(verdicts)} statements, {len(spare)} not needed, in {time.monotonic() - began:.0f} s")
    return 1 if spare else 0


if __name__ == "__main__":
    sys.exit(main())
