"""Whatever clients, Lambda, the machine and the clocks do: one outcome a run, and every run ends."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.history import SEEN
from tests.machine.machine import Machine


def test_the_life_of_a_run_holds_under_any_order_of_acts_and_faults():
    began = time.perf_counter()
    run_state_machine_as_test(Machine, settings=settings(max_examples=500, stateful_step_count=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)))
    print(time.perf_counter() - began, dict(sorted(SEEN.items())))
