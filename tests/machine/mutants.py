"""Mistakes that somebody may make one day, planted one at a time: the machine has to find every one.

A mutant is a store that rewrites each move before it is made (an arm dropped, a value changed), or another seam of
the world that is wrong. Nothing of the product is patched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from invoke_once.life.conditions import Check, Condition, Group, any_of, equals, missing, one_of
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Arm, Move
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Result, Store, Unwritten, Written

Rewrite = Callable[[Move], Move]
ALWAYS = any_of(missing("run_id"), equals("part", "head"))


class MutantStore(Store):
    """The store, with every move rewritten first: condition, values and self-recognition alike."""

    rewrite: Rewrite

    def apply(self, move: Move) -> Result:
        return super().apply(type(self).rewrite(move))

    def put_part(self, move: Move) -> Written | Unwritten:
        return super().put_part(type(self).rewrite(move))


class OnePlaceForOutputs(Payloads):
    """Outputs of all attempts, and of all generations, at one key."""

    def keep_output(self, head: Head, text: bytes) -> dict[str, Any]:
        return super().keep_output(replace(head, generation="g", attempt=1, lease_id="l"), text)


@dataclass(frozen=True)
class Mutant:
    """`what` is wrong; `finds` names the invariants of which one must break."""

    what: str
    rewrite: Rewrite | None = None
    world: Mapping[str, Any] | None = None


def without(letters: str, *arms: str) -> Rewrite:
    """These moves lose these arms of their guard."""
    return lambda m: replace(m, guard=tuple(a for a in m.guard if a.name not in arms)) if m.letter in letters else m


def setting(letters: str, **values: Callable[[Move], Any]) -> Rewrite:
    """These moves write other values (None: leave the field out)."""

    def rewrite(move: Move) -> Move:
        if move.letter not in letters:
            return move
        changed = {name: make(move) for name, make in values.items() if name in move.set}
        return replace(move, set={k: v for k, v in {**move.set, **changed}.items() if v is not None})

    return rewrite


def free_to_claim(change: Callable[[Condition], Condition]) -> Rewrite:
    """The claim's own arm, changed somewhere inside."""

    def rewrite(move: Move) -> Move:
        if move.letter not in "EF":
            return move
        return replace(move, guard=tuple(Arm(a.name, _walk(a.condition, change)) for a in move.guard))

    return rewrite


def _walk(condition: Condition, change: Callable[[Condition], Condition]) -> Condition:
    if isinstance(condition, Group):
        return change(condition._replace(parts=tuple(_walk(part, change) for part in condition.parts)))
    return change(condition)


def _drop(field: str) -> Callable[[Condition], Condition]:
    """Conditions on this field always hold."""
    return lambda c: ALWAYS if getattr(c, "field", None) == field else c


def _no_lease_is_free(move: Move) -> Move:
    if move.letter not in "EF":
        return move
    free = tuple(Arm(a.name, any_of(a.condition, missing("lease_until"))) for a in move.guard if a.name == "free")
    return replace(move, guard=(*(a for a in move.guard if a.name != "free"), *free))


def _drop_op(op: str) -> Callable[[Condition], Condition]:
    """Comparisons of this kind always hold."""
    return lambda c: ALWAYS if getattr(c, "op", None) == op else c


def _any_status(condition: Condition) -> Condition:
    if condition == equals("status", "queued"):
        return one_of("status", ("queued", "succeeded", "failed", "timed_out", "cancelled", "expired"))
    return condition


def _seconds(condition: Condition) -> Condition:
    """A time compared in seconds where milliseconds are stored."""
    if isinstance(condition, Check) and condition.op in ("<", "<="):
        return condition._replace(value=condition.value * 1000)
    return condition


def _forgetful(move: Move) -> Move:
    return replace(move, mine={})


def _id_is_free(move: Move) -> Move:
    return replace(move, guard=()) if move.letter in "AB" else move


def _late_by_the_grace(move: Move) -> Move:
    if move.letter in "BEG" and "lease_until" in move.set:
        return replace(move, set={**move.set, "lease_until": move.set["lease_until"] - LEASE_GRACE_MS})
    return move


def _no_attempt_counted(move: Move) -> Move:
    return replace(move, add={}) if move.letter in "EF" else move


def _never_in_index(move: Move) -> Move:
    return replace(move, remove=(*move.remove, "due_at", "due_shard")) if move.letter == "E" else move


def _unarmed_callback(move: Move) -> Move:
    if move.set.get("cb_status") != "pending" or move.letter not in "HJKLM":
        return move
    kept = {k: v for k, v in move.set.items() if k not in ("due_at", "due_shard")}
    return replace(move, set=kept, remove=(*move.remove, "due_at", "due_shard"))


def _same_generation_again(move: Move) -> Move:
    if move.letter != "O":
        return move
    return replace(move, set={k: v for k, v in move.set.items() if k != "generation"}, mine={})


def _one_more_attempt(move: Move) -> Move:
    return replace(move, add={**move.add, "max_attempts": 1}) if move.letter in "IJ" else move


MUTANTS = (
    Mutant("the attempt's writes are not fenced at all", without("GHI", "my attempt", "my lease")),
    Mutant("the attempt's number alone fences", without("GHI", "my lease")),
    Mutant("an outcome is written over any status", without("H", "still running", "my attempt", "my lease")),
    Mutant("a finish does not look at the status", without("HI", "still running")),
    Mutant("a start puts over what is there", _id_is_free),
    Mutant("a lease is over when compared in seconds", free_to_claim(_seconds)),
    Mutant("a missing lease is a free one", _no_lease_is_free),
    Mutant("any running run may be claimed", free_to_claim(_drop_op("<"))),
    Mutant("an ended run may be claimed", free_to_claim(_any_status)),
    Mutant("a claim does not look at the backoff", free_to_claim(_drop("not_before"))),
    Mutant("a claim goes beyond max_attempts", free_to_claim(_drop_op("< field"))),
    Mutant("a claim does not look at on_lost", free_to_claim(_drop("on_lost"))),
    Mutant("a claim goes on with what is to be cancelled", free_to_claim(_drop("cancel_requested"))),
    Mutant("a claim does not count", _no_attempt_counted),
    Mutant("a claim takes the run out of the due index", _never_in_index),
    Mutant("an event of another generation may claim", without("EF", "same generation")),
    Mutant("one's own repeated write is not recognised", _forgetful),
    Mutant("no grace on a lease", _late_by_the_grace),
    Mutant("the sweep does not check the lease again", without("J", "lease over")),
    Mutant("the sweep does not check whose lease it is", without("J", "my attempt", "my lease")),
    Mutant("a requeue does not look for a cancel", without("IJ", "nobody asked to cancel")),
    Mutant("a give-back does not look for a cancel", without("U", "nobody asked to cancel")),
    Mutant("a requeue gives an attempt back", _one_more_attempt),
    Mutant("a release is made of any run", without("C", "still waits", "still held back", "same generation")),
    Mutant("a dispatch is made of any run", without("D", "still queued", "nobody dispatched it since")),
    Mutant("an expiry does not check the queue timeout again", without("L", "not claimed")),
    Mutant("a cancel ends a running run", without("M", "not claimed")),
    Mutant("a refusal by AWS ends a running run", without("K", "not claimed")),
    Mutant("a redrive reopens anything", without("O", "ended without success", "same generation", "as it was seen")),
    Mutant("a redrive counts from an old state", without("O", "as it was seen")),
    Mutant("a redrive keeps the generation", _same_generation_again),
    Mutant("a rearm puts an old state's time", without("P", "as it was seen", "nobody moved it", "same generation")),
    Mutant("a callback is not armed", _unarmed_callback),
    Mutant("a webhook-id is the run's alone", world={"webhook_id_of": lambda told: told.rsplit("_", 1)[0]}),
    Mutant("outputs of all attempts share a key", world={"payloads_of": OnePlaceForOutputs}),
)
