"""The local AWS: ministack in a process of its own, started, found again and stopped.

Everything of one instance is in one directory, so that a second one (the tests') runs beside the first:

    emulator.json   {"pid", "port", "recipe"}; the port stays after a stop, so that URLs survive a `down`
    emulator.log    what it said since the last start
    aws/ s3/        its state, written at SIGTERM, and the objects of its buckets
    tmp/            the unpacked functions; removed at a stop

Its functions inherit its whole environment, so it is started with a clean one. Only the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local import processes
from infra.paths import EMULATOR_VENV, ROOT

LAUNCHER = ROOT / "infra" / "local" / "launcher.py"
LAUNCHED = (LAUNCHER, *map(LAUNCHER.with_name, ("strictness.py", "order.py", "cold_starts.py")))
REGION = "us-east-1"
START_PATIENCE_S = 60
# it writes its whole state at the end, and loses all since its last stop if it is killed meanwhile
STOP_PATIENCE_S = 300
# kept so that a process that started one can also collect it after its end
_started: list[subprocess.Popen[bytes]] = []


class EmulatorProblem(Exception):
    """The local AWS could not be started; the message says why and what to do."""


@dataclass(frozen=True)
class Emulator:
    """One instance. `settings` are further environment variables for it, e.g. {"AUTH": "true"}."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    python: Path = EMULATOR_VENV / "bin" / "python"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._remembered().get('port', 0)}"

    @property
    def log(self) -> Path:
        return self.home / "emulator.log"

    def is_running(self) -> bool:
        """Its process is there and answers."""
        return self._pid() is not None and answers(self.url)

    def start(self, port: int | None = None) -> str:
        """Running afterwards, at the URL returned; the same instance if it ran already.

        `port`: this one or EmulatorProblem. Without: the one of last time if it is free, else any free one.
        """
        with self._one_at_a_time():
            wanted = port or self._remembered().get("port")
            if self.is_running() and self._recipe() == self._remembered().get("recipe") and port in (None, wanted):
                return self.url
            self._stop()
            return self._start(self._choose_port(port))

    def stop(self) -> None:
        """Not running afterwards, nor any of its workers; the state is kept."""
        if self.home.exists():
            with self._one_at_a_time():
                self._stop()

    def forget(self) -> None:
        """Killed, since nothing of it has to be written down, and everything it stored is gone."""
        if self.home.exists():
            with self._one_at_a_time():
                if (pid := self._pid()) is not None:
                    processes.kill(pid, str(self.home))
                for worker in self.workers():
                    processes.kill(worker, str(self.home / "tmp"))
        _collect()
        shutil.rmtree(self.home, ignore_errors=True)

    def workers(self) -> list[int]:
        """Processes of its functions, a crash's orphans included: what runs from its own tmp directory."""
        marker = str(self.home / "tmp") + os.sep
        return [pid for pid, command in processes.everyone() if marker in command]

    def _start(self, port: int) -> str:
        for name in ("aws", "s3", "tmp"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(self.python), str(LAUNCHER), str(self.home)],
                cwd=self.home, env=self.environment(port), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        _started.append(process)
        self._remember({"pid": process.pid, "port": port, "recipe": self._recipe()})
        deadline = time.monotonic() + START_PATIENCE_S
        while not answers(self.url):
            if process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise EmulatorProblem(f"The local AWS did not start: {self._last_words()} (whole log: {self.log})")
            time.sleep(0.05)
        return self.url

    def _stop(self) -> None:
        pid = self._pid()
        workers = self.workers()
        if pid is not None and not processes.end(pid, str(self.home), STOP_PATIENCE_S, _still_writing):
            print(f"  the local AWS was killed after {STOP_PATIENCE_S} s: what was stored since its last stop is lost")
        for worker in {*workers, *self.workers()}:
            processes.end(worker, str(self.home / "tmp"), 2)
        shutil.rmtree(self.home / "tmp", ignore_errors=True)
        _collect()
        if self._remembered():
            self._remember({"pid": None, "port": self._remembered()["port"]})

    def _pid(self) -> int | None:
        """Its process id, if that process is still ours: an id is used again by the system after a crash."""
        pid = self._remembered().get("pid")
        if pid is None:
            return None
        command = processes.command_of(pid)
        return pid if str(LAUNCHER) in command and str(self.home) in command else None

    def _choose_port(self, port: int | None) -> int:
        if port is not None:
            if not _free(port):
                raise EmulatorProblem(f"Port {port} (ONCE_PORT) is taken by another program: choose another, or none.")
            return port
        last = self._remembered().get("port")
        return last if last and _free(last) else any_free_port()

    def environment(self, port: int) -> dict[str, str]:
        """What it starts with, and so its functions too."""
        tmp = str(self.home / "tmp")
        return {
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",  # node is on it
            "HOME": tmp, "TMPDIR": tmp, "LANG": "C.UTF-8",
            "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1",
            "PERSIST_STATE": "1", "STATE_DIR": str(self.home / "aws"),
            "S3_PERSIST": "1", "S3_DATA_DIR": str(self.home / "s3"),
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            # its throttling loses events (AWS keeps them for hours), so there is no ceiling
            "LAMBDA_ACCOUNT_CONCURRENCY": "0", "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
            "LAMBDA_WARM_TTL_SECONDS": "60", "LOG_LEVEL": os.environ.get("ONCE_EMULATOR_LOG", "WARNING"),
        } | self.settings  # fmt: skip

    def _recipe(self) -> str:
        """Changes when what is started would differ, so that `up` after an upgrade starts it anew."""
        requirements = ROOT / "infra" / "emulator-requirements.txt"
        parts = [
            *(file.read_text() for file in LAUNCHED),
            requirements.read_text(),
            json.dumps(self.environment(0) | {"PATH": ""}),
        ]
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]

    def _remembered(self) -> dict[str, Any]:
        try:
            loaded = json.loads((self.home / "emulator.json").read_text())
        except (OSError, ValueError):
            return {}  # never started, or half-written by a crash
        return loaded if isinstance(loaded, dict) else {}

    def _remember(self, facts: dict[str, object]) -> None:
        new = self.home / "emulator.json.new"
        new.write_text(json.dumps(facts))
        new.replace(self.home / "emulator.json")

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it said nothing"

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _collect() -> None:
    """Those that have ended are asked for it, or Python warns of each when it ends itself."""
    _started[:] = [process for process in _started if process.poll() is None]


def _still_writing() -> None:
    print("  the local AWS is still writing down its state", flush=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
