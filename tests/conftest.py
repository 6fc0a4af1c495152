"""What tests share: an emulator of their own, and the stack deployed on it; both once a session, both lazily.

A test that asks for neither needs nothing but Python. Where the emulator cannot start, the tests that ask for it
fail: nothing is skipped, so CI cannot pass without them.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from infra import stages
from infra.local.emulator import Emulator
from infra.paths import LOCAL
from infra.ship import package
from infra.ship.deploy import deploy_locally
from tests.service import Service

STACK = "invoke-once-test"
SESSIONS = LOCAL / "tests"

# The same examples each time, so that a change fails for what it changed, and no deadline, so that it does not fail for
# a busy machine. New ones: ONCE_EXAMPLES=new
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("new", deadline=None)
hypothesis.settings.load_profile(os.environ.get("ONCE_EXAMPLES", "same"))


@pytest.fixture(scope="session")
def local_directory() -> Iterator[Path]:
    """.local/tests/PID: what this session keeps on disk. Those of sessions that were killed are cleared first."""
    SESSIONS.mkdir(parents=True, exist_ok=True)
    for left in SESSIONS.iterdir():
        if left.name.isdigit() and not _alive(int(left.name)):
            for home in left.glob("emulator*"):
                Emulator(home).forget()
            shutil.rmtree(left, ignore_errors=True)
    mine = SESSIONS / str(os.getpid())
    mine.mkdir(exist_ok=True)
    yield mine
    shutil.rmtree(mine, ignore_errors=True)


@pytest.fixture(scope="session")
def prod() -> package.Package:
    """The stage `prod`, packaged once a session by whichever process of it asks first."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    SESSIONS.mkdir(parents=True, exist_ok=True)
    with (SESSIONS / "packaged").open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        known = json.loads(note.read() or "{}")
        if known.get("session") != session:
            made = package.package(stages.load("prod"))
            zips = {name: str(path) for name, path in made.zips.items()}
            known = {"session": session, "directory": str(made.directory), "zips": zips, "values": dict(made.values)}
            note.truncate(0)
            note.write(json.dumps(known))
    zips = {name: Path(path) for name, path in known["zips"].items()}
    return package.Package(Path(known["directory"]), zips, known["values"])


@pytest.fixture(scope="session")
def template(prod: package.Package) -> dict[str, Any]:
    """The finished template of `prod`. Who changes it copies it first."""
    return json.loads(prod.template.read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def emulator(local_directory: Path) -> Iterator[Emulator]:
    """A local AWS of this session: own port, own state; retries without the wait. ONCE_TEST_AUTH enforces IAM."""
    settings = {"LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.05"}
    if os.environ.get("ONCE_TEST_AUTH") == "true":
        settings["AUTH"] = "true"
    running = Emulator(local_directory / "emulator", settings)
    running.start()
    yield running
    running.forget()


@pytest.fixture(scope="session")
def service(emulator: Emulator, local_directory: Path) -> Iterator[Service]:
    """The service, deployed on the session's emulator."""
    deployed = deploy_locally(emulator.url, local_directory / "once.env", STACK)
    found = Service(emulator.url, STACK, deployed)
    yield found
    found.close()


@pytest.fixture
def stack(service: Service) -> Service:
    """The same by another name."""
    return service


#: Half a minute and more each. They begin first, the many short ones come last: then both workers of `make test` end
#: together.
LONGEST = (
    "integration/test_http_schemathesis.py", "docs/test_tutorial.py", "node/test_suite.py", "machine/test_mutants.py",
    "machine/test_machine.py", "docs/test_blocks.py",
    "compat/test_deploy_in_flight.py", "faults/test_lifecycle_faults.py", "faults/test_callback_faults.py", "browser",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files, then those that need the stack, then all others."""
    of_stack: set[Path] = set()
    for item in items:
        if {"service", "stack", "emulator"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)
            of_stack.add(item.path)
    ranks = {path: _rank(path) for path in {item.path for item in items}}
    items.sort(key=lambda item: (ranks[item.path], item.path not in of_stack))


def _rank(path: Path) -> int:
    tests = Path(__file__).parent
    return next((rank for rank, name in enumerate(LONGEST) if path.is_relative_to(tests / name)), len(LONGEST))


def _alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
