"""`once listen`: a receiver on this machine that verifies each callback and prints it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli.types import examples
from invoke_once.errors import SignatureError

if TYPE_CHECKING:
    from invoke_once.cli.session import Session

_MOST_BYTES = 10_000_000
_PATIENCE_S = 30.0


@examples(
    "once listen --port 8000",
    "once listen --forward-to http://127.0.0.1:3000/hooks -v",
)
@click.command("listen", short_help="Receive callbacks here and verify them.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; a free one unless told.")
@click.option("--count", type=click.IntRange(1), help="Stop after this many verified callbacks.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
@click.pass_obj
def command(session: Session, /, port: int, count: int | None, as_json: bool) -> int:
    """Receive callbacks on 127.0.0.1, verify their signatures, print them.

    The secret is ONCE_WEBHOOK_SECRET, or webhook_secret of the profile. For a service on this machine:

    \b
      once listen --port 8000
      once invoke -f echo -d 1 --callback http://127.0.0.1:8000/
    """
    from invoke_once.cli.output import note

    inbox = Inbox(_secret(session), as_json, count)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler_for(inbox))
    except OSError as error:
        raise click.UsageError(f"cannot listen on port {port}: {error.strerror}") from None
    note(f"listening on http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        inbox.full.wait()
    finally:
        server.shutdown()
        server.server_close()
    return 0


class Inbox:
    """What was received: verified, printed, counted. `full` is set when `count` verified ones have come."""

    def __init__(self, secret: str, as_json: bool, count: int | None) -> None:
        self.full = threading.Event()
        self._secret, self._as_json, self._left = secret, as_json, count
        self._lock = threading.Lock()

    def accept(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Print the event if its signature is right; say why not, if it is not."""
        from invoke_once.cli.output import note, one_line, out
        from invoke_once.signing import verify

        try:
            event = verify(self._secret, headers, body)
        except SignatureError as error:
            note(f"refused: {one_line(error)}")
            return False
        with self._lock:
            out(json.dumps(event) if self._as_json else summary(headers.get("webhook-id", ""), event))
        return True

    def answered(self) -> None:
        """Count a verified one, after its sender was told so: the last ends the program."""
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    self.full.set()


def summary(message_id: str, event: Mapping[str, Any]) -> str:
    """`run.succeeded  run_…  report  verified  (msg_…)`."""
    from invoke_once.cli.output import one_line

    run = event.get("data") if isinstance(event.get("data"), Mapping) else {}
    assert isinstance(run, Mapping)
    parts = (
        event.get("type", "?"),
        run.get("id", ""),
        run.get("function", ""),
        "verified",
        f"({message_id})",
    )
    return "  ".join(one_line(part) for part in parts if part)


def handler_for(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    """An HTTP handler that gives each POST to the inbox: 204 if it was verified, 401 if not."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > _MOST_BYTES:
                self._answer(411 if not length.isdigit() else 413)
                return
            body = self.rfile.read(int(length))
            if not inbox.accept({name.lower(): value for name, value in self.headers.items()}, body):
                self._answer(401)
                return
            self._answer(204)
            inbox.answered()

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: the inbox says what matters."""

    return Handler


def _secret(session: Session) -> str:
    """The webhook secret, from the environment, the profile or the person at the terminal."""
    from invoke_once.client.profile import webhook_secret

    if found := webhook_secret(session.profile):
        return found
    if not sys.stdin.isatty():
        raise click.UsageError("no webhook secret: set ONCE_WEBHOOK_SECRET, or webhook_secret in the profile")
    return str(click.prompt("Webhook secret (whsec_…)", hide_input=True, err=True)).strip()
