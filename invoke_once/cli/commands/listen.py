"""`once listen`: callbacks on this machine: received and verified, or polled from a stage that cannot reach it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from invoke_once.cli.types import examples, web_address
from invoke_once.client_errors import ServiceUnreachable, UnexpectedReply
from invoke_once.errors import ConfigurationError, SignatureError

if TYPE_CHECKING:
    from invoke_once.cli.session import Session

_MOST_BYTES = 10_000_000
_PATIENCE_S = 30.0
_POLL_S = 3.0


@examples(
    "once listen --port 8000",
    "once listen --forward-to http://127.0.0.1:3000/hooks -v",
)
@click.command("listen", short_help="Receive callbacks here and verify them.")
@click.option("--port", type=click.IntRange(0, 65535), help="Receive on this port; a free one unless told.")
@click.option("--forward-to", type=web_address, metavar="URL", help="Pass each callback on to this URL.")
@click.option(
    "--poll/--no-poll", default=None, help="Look at the service's deliveries; for a stage elsewhere by itself."
)
@click.option("-v", "--verbose", is_flag=True, help="Print the payload too.")
@click.option("--count", type=click.IntRange(1), help="Stop after this many verified callbacks.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
@click.pass_obj
def command(
    session: Session, /, port: int | None, forward_to: str | None, poll: bool | None, verbose: bool, count: int | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Receive callbacks on 127.0.0.1, verify their signatures, print them, and pass them on with --forward-to.

    The secret is ONCE_WEBHOOK_SECRET, or webhook_secret of the profile. A service on this machine calls here:
    `once invoke -f echo --callback http://127.0.0.1:8000/`. A deployed one cannot: its deliveries are polled then,
    unless --port says that something (a tunnel) brings its callbacks here.
    """
    how = Showing(as_json, verbose, forward_to, count)
    if poll or (poll is None and port is None and _is_elsewhere(session)):
        return _poll(session, how)
    return _receive(Inbox(_secret(session), how), port or 0)


class _Receiver(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say in a line what went wrong with one sender, which most often has hung up; the others are heard."""
        from invoke_once.cli.output import note, one_line

        error = sys.exception()
        note(f"a callback was not taken: {type(error).__name__}: {one_line(error)}")


def _receive(inbox: Inbox, port: int) -> int:
    from invoke_once.cli.output import note

    try:
        server = _Receiver(("127.0.0.1", port), handler_for(inbox))
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


def _poll(session: Session, how: Showing) -> int:
    """Look every few seconds for deliveries, however they went, and show and pass on what they carried."""
    from datetime import UTC, datetime

    from invoke_once.cli.forward import Deliveries, forward
    from invoke_once.cli.output import note, one_line
    from invoke_once.client.profile import webhook_secret

    secret, left = webhook_secret(session.profile), how.count
    with session.once() as once:
        note(f"looking at the deliveries of {once.url} (Ctrl-C ends it)")
        if not secret:
            note("what is passed on is not signed: set ONCE_WEBHOOK_SECRET, or webhook_secret in the profile")
        found = Deliveries(once, secret, datetime.now(UTC))
        answered = False
        while True:
            try:
                for callback in found.new():
                    how.show(callback.headers["webhook-id"], json.loads(callback.body), "polled")
                    if how.forward_to:
                        forward(how.forward_to, callback)
                    left = None if left is None else left - 1
                    if left == 0:
                        return 0
                answered = True
            except (ServiceUnreachable, UnexpectedReply) as error:
                if not answered:  # it never did: a wrong URL rather than a bad moment
                    raise
                note(f"{one_line(error)}; looking again")
            time.sleep(_POLL_S)


def _is_elsewhere(session: Session) -> bool:
    """True for a service that is not on this machine, so that it cannot call here."""
    try:
        host = urlsplit(session.settings().url).hostname
    except (ConfigurationError, ValueError):
        return False
    return host not in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Showing:
    """What is done with each callback."""

    as_json: bool = False
    verbose: bool = False
    forward_to: str | None = None
    count: int | None = None

    def show(self, message_id: str, event: Mapping[str, Any], how: str) -> None:
        from invoke_once.cli.output import json_out, out

        out(json.dumps(event) if self.as_json else summary(message_id, event, how))
        if self.verbose and not self.as_json:
            json_out(event)


class Inbox:
    """What was received: verified, printed, counted. `full` is set when `count` verified ones have come."""

    def __init__(self, secret: str, how: Showing) -> None:
        self.full = threading.Event()
        self.how = how
        self._secret, self._left = secret, how.count
        self._lock = threading.Lock()

    def accept(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Print the event if its signature is right; say why not, if it is not."""
        from invoke_once.cli.output import note, one_line
        from invoke_once.signing import verify

        try:
            event = verify(self._secret, headers, body)
        except SignatureError as error:
            note(f"refused: {one_line(error)}")
            return False
        with self._lock:
            self.how.show(headers.get("webhook-id", ""), event, "verified")
        return True

    def answered(self) -> None:
        """Count a verified one, after its sender was told so: the last ends the program."""
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    self.full.set()


def summary(message_id: str, event: Mapping[str, Any], how: str) -> str:
    """`run.succeeded  run_…  report  verified  (msg_…)`."""
    from invoke_once.cli.output import one_line

    run = event.get("data") if isinstance(event.get("data"), Mapping) else {}
    assert isinstance(run, Mapping)
    parts = (
        event.get("type", "?"),
        run.get("id", ""),
        run.get("function", ""),
        how,
        f"({message_id})",
    )
    return "  ".join(one_line(part) for part in parts if part)


def handler_for(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    """An HTTP handler that gives each POST to the inbox: 204 if it was verified, 401 if not.

    What is passed on gets the answer of whoever took it, so that the service tries again where that failed.
    """
    from invoke_once.cli.forward import Callback, forward

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > _MOST_BYTES:
                self._answer(411 if not length.isdecimal() else 413)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not inbox.accept(headers, body):
                self._answer(401)
                return
            status = forward(inbox.how.forward_to, Callback(headers, body)) if inbox.how.forward_to else 204
            self._answer(status)
            if 200 <= status < 300:
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
