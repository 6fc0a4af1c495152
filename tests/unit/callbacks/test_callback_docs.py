"""docs/how-to/callbacks.md says what the code does."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from chalicelib.callbacks import breaker, deliver, redelivery, urls, webhook
from invoke_once.signing import sign

DOCS = (Path(__file__).parents[3] / "docs" / "how-to" / "callbacks.md").read_text()
EXAMPLES = Path(__file__).parents[3] / "examples"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
UNITS = {"s": 1, "min": 60, "h": 3600}


def test_the_schedule_is_the_one_that_is_kept() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) (s|min|h) \|$", DOCS, re.MULTILINE)
    assert [int(n) for n, _, _ in rows] == list(range(2, redelivery.MAX_ATTEMPTS + 1))
    assert tuple(int(value) * UNITS[unit] for _, value, unit in rows) == redelivery.PAUSES_S[1:]


@pytest.mark.parametrize(
    "sentence",
    [
        f"within {webhook.DEADLINE_S:.0f} seconds",
        f"no more than {webhook.READ_LIMIT // 1024} KB",
        f"under {deliver.MAX_BODY_BYTES // 1000} KB",
        f"longer than {urls.MAX_CHARACTERS:,} characters",
        f"a port other than {urls.PORTS[0]} and {urls.PORTS[1]}",
        f"not answered within {['two', 'three'][int(webhook.SLOW_S) - 2]} seconds",
        f"one attempt in {breaker.FIRST_PAUSE_MS // 1000} s, then 1, 2, 4 … {breaker.LAST_PAUSE_MS // 60_000} min",
    ],
)
def test_the_limits_are_the_ones_that_are_kept(sentence: str) -> None:
    assert sentence in " ".join(DOCS.split())


@pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")
def test_the_java_of_the_examples_verifies(tmp_path: Path) -> None:
    code = (EXAMPLES / "receiver" / "Webhooks.java").read_text()
    call = "System.out.println(verify(a[0], a[1], a[2], a[3], System.in.readAllBytes()));"
    main = f"    public static void main(String[] a) throws Exception {{ {call} }}\n}}\n"
    (tmp_path / "Webhooks.java").write_text(code.rstrip().removesuffix("}") + main)
    stamp = int(time.time())
    arguments = [SECRET, "msg_1", str(stamp), f"v1,other {sign(SECRET, 'msg_1', stamp, b'{}')}"]
    for body, said in ((b"{}", b"true\n"), (b"{} ", b"false\n")):
        done = subprocess.run(["java", "Webhooks.java", *arguments], cwd=tmp_path, input=body, capture_output=True)
        assert done.stdout == said, done.stderr.decode()
