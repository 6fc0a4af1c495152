"""The local AWS as a process: started, found again, stopped; after a crash of either side too."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import processes
from infra.local.emulator import LAUNCHER, Emulator, EmulatorProblem, answers, any_free_port
from tests.service import until


@pytest.fixture
def instance(local_directory: Path) -> Iterator[Emulator]:
    """One of its own: these tests kill it."""
    emulator = Emulator(local_directory / "emulator-process")
    yield emulator
    emulator.forget()


def test_a_second_start_finds_the_first(instance: Emulator) -> None:
    url = instance.start()
    assert instance.start() == url
    assert Emulator(instance.home).is_running()


def test_the_port_and_what_was_stored_survive_a_stop(instance: Emulator) -> None:
    url = instance.start()
    bucket(url, "kept")
    instance.stop()
    assert not answers(url)
    assert instance.start() == url
    assert bucket_names(url) == ["kept"]


def test_a_stop_leaves_no_process_and_can_be_repeated(instance: Emulator) -> None:
    instance.start()
    instance.stop()
    instance.stop()
    assert [command for _, command in processes.everyone() if str(instance.home) in command] == []


def test_workers_left_by_a_crash_are_ended_by_the_next_stop(instance: Emulator) -> None:
    instance.start()
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", f"{instance.home}/tmp/worker"])
    try:
        os.kill(pid_of(instance), signal.SIGKILL)
        instance.stop()
        assert until(lambda: orphan.poll() is not None, 5)
    finally:
        orphan.kill()
        orphan.wait()


def test_it_starts_again_after_it_was_killed(instance: Emulator) -> None:
    url = instance.start()
    os.kill(pid_of(instance), signal.SIGKILL)
    until(lambda: not answers(url))
    assert instance.start() == url


def test_a_process_that_has_its_old_id_by_now_is_left_alone(instance: Emulator) -> None:
    instance.start()
    instance.stop()
    (instance.home / "emulator.json").write_text(f'{{"pid": {os.getpid()}, "port": {any_free_port()}}}')
    assert not instance.is_running()
    instance.stop()  # this test would not come back otherwise


def test_a_half_written_note_of_a_crash_is_no_obstacle(instance: Emulator) -> None:
    instance.start()
    instance.stop()
    (instance.home / "emulator.json").write_text('{"pid": 12')
    assert answers(instance.start())


def test_a_port_that_was_taken_meanwhile_is_left_for_another(instance: Emulator) -> None:
    first = instance.start()
    instance.stop()
    with listening(int(first.rpartition(":")[2])):
        assert instance.start() != first


def test_a_chosen_port_that_is_taken_is_said_in_one_sentence(instance: Emulator) -> None:
    with listening(0) as taken, pytest.raises(EmulatorProblem, match="is taken by another program"):
        instance.start(taken.getsockname()[1])


def test_one_that_cannot_start_says_why(instance: Emulator) -> None:
    broken = Emulator(instance.home, {"GATEWAY_PORT": "not-a-port"})
    with pytest.raises(EmulatorProblem, match="did not start: .*not-a-port"):
        broken.start()


def test_its_environment_is_clean(instance: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_MINE", "x")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert {"A_SECRET_OF_MINE", "PYTHONPATH"}.isdisjoint(instance.environment(1))


def pid_of(emulator: Emulator) -> int:
    import json

    return int(json.loads((emulator.home / "emulator.json").read_text())["pid"])


def listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))  # also where connections of the last owner still linger


def client(url: str) -> object:
    import boto3

    return boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def bucket(url: str, name: str) -> None:
    client(url).create_bucket(Bucket=name)  # type: ignore[attr-defined]


def bucket_names(url: str) -> list[str]:
    return [found["Name"] for found in client(url).list_buckets()["Buckets"]]  # type: ignore[attr-defined]


def test_a_stop_that_takes_long_says_so_and_waits(instance: Emulator, capfd: pytest.CaptureFixture[str]) -> None:
    slow = subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_END, str(LAUNCHER), str(instance.home)], stdout=subprocess.PIPE
    )
    assert slow.stdout is not None and slow.stdout.readline() == b"ready\n"
    instance.home.mkdir(parents=True, exist_ok=True)
    (instance.home / "emulator.json").write_text(f'{{"pid": {slow.pid}, "port": {any_free_port()}}}')
    instance.stop()
    assert slow.wait(5) == 0 and b"state written" in slow.stdout.read()
    assert "still writing down its state" in capfd.readouterr().out
    slow.stdout.close()


SLOW_TO_END = """
import signal, sys, time
def end(*_):
    time.sleep(6)
    print("state written", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""
