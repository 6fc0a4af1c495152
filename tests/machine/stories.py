"""Rare interleavings, told one by one. Each is true of the real code, and each is some mutant's undoing.

They call the rules of the machine with fixed choices: `nth=0` is the newest event and the newest attempt at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.machine.acts import KEYS, MINUTE
from tests.machine.faults import Plan
from tests.machine.history import Broken
from tests.machine.machine import Machine
from tests.machine.stage import CALLBACK, FUNCTIONS
from tests.machine.workers import Worker

Story = Callable[[Machine], None]
STORIES: list[Story] = []


def story(tell: Story) -> Story:
    STORIES.append(tell)
    return tell


def told(tell: Story, machine: type[Machine] = Machine) -> None:
    """The whole of a story in a world of its own, to the end of its runs."""
    fresh = machine()
    fresh.clocks(calm=True, names=list(FUNCTIONS))
    tell(fresh)
    fresh.teardown()


def begin(m: Machine, function: str, **more: Any) -> Worker:
    """A run of `function`, and its first attempt."""
    start(m, function, **more)
    return deliver(m)


def start(m: Machine, function: str, answer: str = "taken", plan: Plan | None = None, **more: Any) -> None:
    with m.world.trouble():
        m.world.start(m.world.service("api", plan=plan, answer=answer), function, KEYS[0], 0, **more)


def deliver(m: Machine, nth: int = 0) -> Worker:
    """The newest event begins an attempt."""
    m._deliver(nth, 0, None)
    return m.world.workers[-1]


def sweep(m: Machine, at: int = -1, other: Callable[[], Any] | None = None, answer: str = "taken") -> None:
    """A sweep; just before its call number `at`, somebody else does `other`."""
    with m.world.trouble():
        m.world.sweep(m.world.service("sweep", 0, Plan(at, other), answer))


def finish(m: Machine, worker: Worker, how: str = "value") -> None:
    with m.world.trouble():
        m.world.finish(worker, how)


def head(m: Machine) -> Any:
    return m.world.heads()[0]


def past(m: Machine, edge: str) -> None:
    m.world.clock.to(getattr(head(m), edge) + 1)


@story
def a_zombie_of_a_forgotten_run_comes_back_into_its_namesake(m: Machine) -> None:
    zombie = begin(m, "once")
    past(m, "lease_until")
    sweep(m)
    m.world.pass_until(head(m).expires_at * 1000 + 1)
    begin(m, "once")
    finish(m, zombie)


@story
def a_heartbeat_comes_between_the_sweeps_look_and_its_write(m: Machine) -> None:
    begin(m, "beating")
    past(m, "lease_until")
    with m.world.trouble():
        m.world.attend(m.world.service("attend", 0, Plan(1, lambda: m._beat(0, None))), head(m).run_id)


@story
def an_attempt_is_reported_dead_when_another_has_taken_over(m: Machine) -> None:
    first = begin(m, "thrice")
    past(m, "lease_until")
    m.world.kill(first)
    with m.world.trouble():
        plan = Plan(1, lambda: m.world.deliver_event(first.event, 0, Plan()))
        m.world.take_report(m.world.service("record", 0, plan), m.world.reports.pop())


@story
def a_sandbox_that_lost_to_a_duplicate_is_reported_late(m: Machine) -> None:
    first = begin(m, "thrice")
    past(m, "lease_until")
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan())
    m.world.kill(first)
    with m.world.trouble():
        m.world.take_report(m.world.service("record"), m.world.reports.pop())


@story
def a_duplicate_that_could_not_claim_is_reported_while_the_first_works(m: Machine) -> None:
    first = begin(m, "once")
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan(0, "away"))
    with m.world.trouble():
        m.world.take_report(m.world.service("record"), m.world.reports.pop())


def unheard(m: Machine, function: str) -> None:
    """A run whose claim was written, and whose sandbox never learned it."""
    start(m, function)
    with m.world.trouble():
        m.world.deliver_event(m.world.events[-1], 0, Plan(0, "lost, away"))
    if head(m).status != "running":
        raise Broken("the claim was not written")


@story
def an_answer_to_a_claim_is_lost_and_the_body_not_started(m: Machine) -> None:
    unheard(m, "once")
    with m.world.trouble():
        m.world.take_report(m.world.service("record"), m.world.reports.pop())
    past(m, "due_at")
    sweep(m)
    finish(m, deliver(m))
    if head(m).status != "succeeded":
        raise Broken(f"a run whose body had not started is {head(m).status}")


@story
def an_answer_to_a_claim_is_lost_and_the_claim_is_tried_again(m: Machine) -> None:
    start(m, "once")
    m.world.deliver_event(m.world.events[-1], 0, Plan(0, "lost"))
    finish(m, m.world.workers[-1])
    if (head(m).status, head(m).attempt) != ("succeeded", 1):
        raise Broken(f"after a lost answer the run is {head(m).status}, by attempt {head(m).attempt}")


@story
def a_run_is_cancelled_after_a_claim_that_nobody_heard_of(m: Machine) -> None:
    unheard(m, "thrice")
    report = m.world.reports.pop()
    with m.world.trouble():
        m.world.take_report(m.world.service("record", 0, Plan(1, lambda: m._cancel(0, m.world.service("api")))), report)
    if head(m).status != "cancelled":
        raise Broken(f"a run that was asked to stop is {head(m).status}")


@story
def a_launch_is_cancelled_before_lambda_refuses_it(m: Machine) -> None:
    start(m, "plain", "throttled", Plan(3, lambda: m._cancel(0, m.world.service("api"))))


@story
def an_unlaunched_run_is_redriven(m: Machine) -> None:
    start(m, "plain", "throttled")
    for _ in range(2):
        past(m, "due_at")
        sweep(m)
        finish(m, deliver(m), "raise")
        with m.world.trouble():
            m.world.take_report(m.world.service("record"), m.world.reports.pop())
    with m.world.trouble():
        m.world.redrive(m.world.service("api"), head(m))


@story
def a_run_is_cancelled_while_the_sweep_is_about_to_release_it(m: Machine) -> None:
    start(m, "once", delay_ms=5_000)
    past(m, "due_at")
    sweep(m, 1, lambda: m._cancel(0, m.world.service("api")))


@story
def an_event_arrives_while_the_sweep_is_about_to_fire_again(m: Machine) -> None:
    start(m, "once")
    past(m, "due_at")
    sweep(m, 1, lambda: deliver(m))


@story
def an_event_arrives_while_the_sweep_is_about_to_let_the_run_expire(m: Machine) -> None:
    start(m, "once", queue_ms=MINUTE)
    past(m, "due_at")
    sweep(m, 1, lambda: deliver(m))


@story
def an_earlier_event_arrives_while_aws_refuses_the_next_for_good(m: Machine) -> None:
    start(m, "once")
    past(m, "due_at")
    sweep(m, 3, lambda: deliver(m), "refused")


@story
def a_run_fails_while_a_person_who_saw_it_queued_redrives_it(m: Machine) -> None:
    start(m, "once")
    seen = head(m)
    with m.world.trouble():
        m.world.redrive(m.world.service("api", 0, Plan(0, lambda: finish(m, deliver(m), "raise"))), seen)
    finish(m, deliver(m))


@story
def an_event_arrives_for_a_run_that_was_cancelled(m: Machine) -> None:
    start(m, "once")
    m._cancel(0, m.world.service("api"))
    m._deliver(0, 0, None)


@story
def the_only_attempt_vanishes_and_its_event_comes_again(m: Machine) -> None:
    first = begin(m, "once")
    past(m, "lease_until")
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan())


@story
def a_cancel_meets_a_run_that_has_just_been_claimed(m: Machine) -> None:
    start(m, "once")
    with m.world.trouble():
        m.world.cancel(m.world.service("api", 0, Plan(0, lambda: deliver(m))), head(m))


@story
def a_redriven_run_tells_of_both_its_ends(m: Machine) -> None:
    finish(m, begin(m, "once", callback_url=CALLBACK), "raise")
    m.world.clock.step(MINUTE)
    sweep(m)
    with m.world.trouble():
        m.world.redrive(m.world.service("api"), head(m))
    finish(m, deliver(m))


@story
def an_attempt_ends_while_the_sweep_is_about_to_look_again_later(m: Machine) -> None:
    worker = begin(m, "beating", callback_url=None)
    m.world.clock.to(head(m).due_at - 5_000)
    m._beat(0, None)
    m.world.clock.step(5_000)
    sweep(m, 1, lambda: finish(m, worker))


@story
def a_zombies_output_comes_after_its_successors(m: Machine) -> None:
    first = begin(m, "thrice")
    past(m, "lease_until")
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan())
    finish(m, m.world.workers[-1], "large")
    finish(m, first, "large")


@story
def a_run_that_may_not_be_run_again_is_fired_again(m: Machine) -> None:
    first = begin(m, "fragile")
    past(m, "lease_until")
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan())


@story
def a_run_that_is_to_be_cancelled_outlives_its_lease(m: Machine) -> None:
    first = begin(m, "thrice")
    m._cancel(0, m.world.service("api"))
    past(m, "lease_until")
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan())


@story
def an_attempt_raises_after_a_cancel(m: Machine) -> None:
    first = begin(m, "thrice")
    m._cancel(0, m.world.service("api"))
    finish(m, first, "raise")


@story
def an_old_event_arrives_after_a_redrive(m: Machine) -> None:
    first = begin(m, "once")
    finish(m, first, "raise")
    with m.world.trouble():
        m.world.redrive(m.world.service("api"), head(m))
    with m.world.trouble():
        m.world.deliver_event(first.event, 0, Plan())


@story
def the_same_request_comes_again(m: Machine) -> None:
    worker = begin(m, "once")
    start(m, "once")
    finish(m, worker)
    start(m, "once")


@story
def every_answer_of_a_run_is_lost_once(m: Machine) -> None:
    start(m, "once", plan=Plan(1, "repeat"), callback_url=CALLBACK)  # the first call asks whether it is paused
    with m.world.trouble():
        m.world.deliver_event(m.world.events[-1], 0, Plan(0, "repeat"))
    worker = m.world.workers[-1]
    with m._troubled(worker, (0, "repeat")):
        m.world.finish(worker, "raise")
    sweep(m, 1, None)
    with m.world.trouble():
        m.world.redrive(m.world.service("api", 0, Plan(0, "repeat")), head(m))


@story
def the_clocks_of_two_attempts_differ_by_all_the_grace_allows(m: Machine) -> None:
    start(m, "thrice")
    event = m.world.events[-1]
    with m.world.trouble():
        m.world.deliver_event(event, -5_000, Plan())
    m.world.clock.to(m.world.workers[-1].killed_at_ms - 1)
    with m.world.trouble():
        m.world.deliver_event(event, 5_000, Plan())


@story
def a_timed_out_body_goes_on_until_it_is_killed(m: Machine) -> None:
    start(m, "fragile")
    event = m.world.events[-1]
    with m.world.trouble():
        m.world.deliver_event(event, -5_000, Plan())
    worker = m.world.workers[-1]
    m.world.clock.step(28_000)
    assert worker.attempt is not None
    with m.world.trouble():
        m.world.finish(worker, "timeout")
    worker.done = False  # its body is not: only the watchdog has spoken
    m.world.clock.to(worker.killed_at_ms - 1)
    with m.world.trouble():
        m.world.deliver_event(event, 5_000, Plan())


@story
def a_start_with_the_same_key_comes_again(m: Machine) -> None:
    begin(m, "once")
    start(m, "once")


def first_broken(machine: type[Machine]) -> Broken | None:
    """The first invariant that breaks in a story."""
    for tell in STORIES:
        try:
            told(tell, machine)
        except Broken as broken:
            return broken
        except (IndexError, KeyError):  # what the story is about did not come to be
            continue
    return None
