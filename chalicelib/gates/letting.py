"""Who waits is let through, first come first fired: as many at once as there are slots, by whoever comes by.

Called after a POST, by the stream when holders have ended, and by those who look after gates. Any number at once, each
may die anywhere: a slot is taken by one conditional write, and the run told by another (`life/moves/gate_moves.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.gates import admission, racks
from chalicelib.service import Each, Service
from invoke_once import log
from invoke_once.life import gates
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.store.shards import Shards
from invoke_once.store.store import Applied, Written

Fire = Callable[[Service, Head], Head]

LOOK_MS = 60_000  #: a run at a gate that nobody looks after asks again
TOGETHER = 16  #: let through in one round
ROUNDS = 40
AHEAD = 12  #: an index is late: it may still list some who were let through


def ask(svc: Service, head: Head, fire: Fire, each: Each = map) -> Head:
    """See whether a run that waits may go on; the run as it is afterwards."""
    gate = gates.waits_at(head)
    if gate is None:
        return head
    if gates.kind(gate) == "paused":
        if admission.paused_for(svc, admission.asking_of(head)) is not None:
            return head
        return _let_on(svc, head, gate, (), fire) or svc.store.get(head.run_id, svc.now_ms()) or head
    serve(svc, gate, fire, asked=head, each=each)
    return svc.store.get(head.run_id, svc.now_ms()) or head


def serve(
    svc: Service, gate: str, fire: Fire, *, freed: Mapping[Slot, str] | None = None, asked: Head | None = None,
    each: Each = map,
) -> int:  # fmt: skip
    """Give the slots of a limit to those who wait, the oldest first; returns how many were let through.

    `freed`: slots whose holders are done, which are handed on or freed. `asked`: a run that waits here, whether or not
    the index has it yet.
    """
    done, left = 0, dict(freed or {})
    for _ in range(ROUNDS):
        found = racks.read(svc, gate, asked)
        openings = found.openings(left)[:TOGETHER]
        waiting = _oldest(svc, gate, len(openings), asked, each) if openings else []
        pairs = list(zip(openings, waiting, strict=False))
        through = list(each(lambda pair: _give(svc, pair[0][0], pair[0][1], pair[1], gate, fire), pairs))
        done += through.count(True)
        given = {place for (place, _), _ in pairs}
        unwanted = [(place, value) for place, value in left.items() if place not in given]
        for place, value in unwanted:
            svc.store.put_part(gate_moves.free(place, value))
        left, asked = {}, asked if False in through else None
        more = len(pairs) == TOGETHER or False in through or unwanted
        if not more:
            break
    return done


def _give(svc: Service, place: Slot, before: str | None, head: Head, gate: str, fire: Fire) -> bool:
    """Take the slot for the run, and let it on. False: somebody was quicker with the one or the other."""
    if not isinstance(svc.store.put_part(gate_moves.take(place, before, head, svc.now_ms())), Written):
        return False
    return help_on(svc, head, place, gate, fire)


def help_on(svc: Service, head: Head, place: Slot, gate: str, fire: Fire) -> bool:
    """Tell a run of the slot that was taken for it: the second half of `_give`, by whoever comes by."""
    value = gates.ticket(head.run_id, head.hold or "")
    now = _let_on(svc, head, gate, (place,), fire)
    if now is not None:
        return True
    found = svc.store.get(head.run_id, svc.now_ms())
    if found is not None and gates.holds(found, place, value):
        return True  # another one told it
    svc.store.put_part(gate_moves.free(place, value))
    return False


def _let_on(svc: Service, head: Head, gate: str, won: tuple[Slot, ...], fire: Fire) -> Head | None:
    """On to the next limit, or through. None: it waits for something else by now."""
    now_ms, slots = svc.now_ms(), [*gates.slots_of(head.slot), *won]
    following = admission.after(svc, head, gate)
    clock = admission.rested(svc, head)
    if following is not None:
        asking = admission.asking_of(head)
        held = admission.held(svc, head.run_id, following, asking, head.hold)
        result = svc.store.apply(gate_moves.hold(head, held, now_ms, head.queue_until, slots))
        if not isinstance(result, Applied):
            return None
        serve(svc, following, fire, asked=result.head)
        return svc.store.get(head.run_id, svc.now_ms()) or result.head
    whom = admission.paused_for(svc, admission.asking_of(head))
    if whom is not None:  # since its slot was taken, by somebody who has died
        set_aside(svc, head, whom)
        return None
    result = svc.store.apply(gate_moves.grant(head, now_ms, slots, clock))
    if not isinstance(result, Applied):
        return None
    log.event("let_through", run_id=head.run_id, function=head.function, gate=gates.kind(gate),
              waited_ms=now_ms - head.created_at, metrics={"LetThrough": 1})  # fmt: skip
    return fire(svc, result.head)


def set_aside(svc: Service, head: Head, whom: str) -> None:
    """A run at a limit whose function is paused waits for that instead, and leaves what slots it had."""
    gate, asking = gates.of_pause(head.function, whom), admission.asking_of(head)
    svc.store.apply(gate_moves.hold(head, admission.held(svc, head.run_id, gate, asking), svc.now_ms(),
                                    head.queue_until))  # fmt: skip


def _oldest(svc: Service, gate: str, count: int, asked: Head | None, each: Each) -> list[Head]:
    """Up to `count` runs that wait here and may go on, oldest first, as they are now."""
    listed = _waiters(svc, gate, count + AHEAD, each)
    if asked is not None and gates.waits_at(asked) == gate:
        listed.append((asked.created_at, asked.run_id))
    run_ids = [run_id for _, run_id in sorted(set(listed))]
    first = list(each(lambda run_id: svc.store.get(run_id, svc.now_ms()), run_ids[:count]))
    found: list[Head] = []
    for nth, run_id in enumerate(run_ids):
        if len(found) >= count:
            break
        head = first[nth] if nth < count else svc.store.get(run_id, svc.now_ms())
        if head is None or gates.waits_at(head) != gate or head.status != "queued":
            continue
        whom = admission.paused_for(svc, admission.asking_of(head))
        if whom is None:
            found.append(head)
        elif gates.kind(gate) == "concurrency" or whom != gates.EVERYBODY:
            set_aside(svc, head, whom)
        else:
            break  # all who wait here wait for that
    return found


def _waiters(svc: Service, gate: str, most: int, each: Each = map) -> list[tuple[int, str]]:
    """Who waits at a gate, at most `most` of a shard, oldest first: (since when, run id)."""
    listed = Shards(svc.store, "waiting", gates.wait_shards(gate)).oldest(most, each)
    return [(key.at, key.run_id) for key in listed]


def release(svc: Service, gate: str, fire: Fire, until_ms: int, each: Each = map) -> int:
    """Ask for everybody who waits for a pause that may be over, oldest first; returns how many went on."""
    went = 0
    while svc.now_ms() < until_ms:
        listed = _waiters(svc, gate, TOGETHER)
        heads = [svc.store.get(run_id, svc.now_ms()) for _, run_id in listed[:TOGETHER]]
        before = [head for head in heads if head is not None and gates.waits_at(head) == gate]
        moved = sum(gates.waits_at(now) != gate for now in each(lambda head: ask(svc, head, fire), before))
        went += moved
        if not moved:
            break
    return went


def waiting(svc: Service, gate: str, most: int) -> int:
    """How many wait at a gate, counted up to `most` a shard."""
    return len(_waiters(svc, gate, most))
