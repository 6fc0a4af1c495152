"""Tell a run's end to its receiver: claim the try, sign, send, record how it went and when to try again.

    breaker: is the receiver spared? ─▶ message, secrets ─▶ claim ─▶ send ─▶ record, log, count

At least once, always under the same `webhook-id`: a sender that dies after sending leaves a claim that lapses,
and the next one sends again. Whatever the receiver does is an Outcome; what is raised is ours (no store, no
master key), and the sweep comes by again.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from chalicelib.callbacks import aws_targets, webhook
from chalicelib.callbacks.breaker import Breaker, breaker
from chalicelib.callbacks.receivers import Receiver, check_receiver
from chalicelib.callbacks.redelivery import SPAN_MS, next_try
from chalicelib.callbacks.urls import CallbackUrl, UrlRefused
from chalicelib.callbacks.webhook import Outcome
from chalicelib.invoker import fire_attend
from chalicelib.keyring import secrets_for
from chalicelib.runs.documents import Document, rfc3339, run_document
from chalicelib.service import Service
from invoke_once import log
from invoke_once.errors import StoreUnavailable
from invoke_once.life.head import HEAD, Head
from invoke_once.life.moves import callback_moves
from invoke_once.signing import sign
from invoke_once.store.store import Refused, Written

MAX_BODY_BYTES: Final = 20_000
_CUT_CHARACTERS: Final = 1_000
_POSTPONED_SPREAD_MS: Final = 10_000

#: The last: what to call when the receiver does not answer as soon as it should.
Send = Callable[[Receiver, Mapping[str, str], bytes, Callable[[], None]], Outcome]


class Sender(Struct, frozen=True):
    """What a delivery needs beside the service: the run as HTTP shows it, the secrets, the wire."""

    document: Callable[[Service, Head], Document] = run_document
    secrets_for: Callable[[str, int], Sequence[str]] = secrets_for
    send: Send | None = None  #: None: over the network, or to AWS


SENDER: Final = Sender()


def request_delivery(svc: Service, head: Head) -> None:
    """Let `attend` deliver it, in an invocation of its own: for whoever must not wait for a receiver."""
    fire_attend(svc.invoker, svc.settings.attend_function, [head.run_id])


def deliver(svc: Service, head: Head, sender: Sender = SENDER) -> None:
    """Try the callback of an ended run once, unless somebody else is on it or its receiver is spared."""
    try:
        url = check_receiver(svc.settings, head.tenant, head.callback_url)
    except UrlRefused as refused:  # it was accepted once; the rule has changed since
        _give_up(svc, head, f"refused: it {refused}")
        return
    now_ms = svc.now_ms()
    gate = breaker(svc.store, head.tenant, url.origin, now_ms)
    wait_until = None if _a_person_asked(head) else gate.wait_until(now_ms)
    if wait_until is None:
        _try(svc, head, sender, url, gate)
    elif now_ms - _began_ms(svc, head) > SPAN_MS:
        _give_up(svc, head, "not sent: the receiver kept failing")
    else:
        _postpone(svc, head, url, wait_until)


def _try(svc: Service, head: Head, sender: Sender, url: Receiver, gate: Breaker) -> None:
    now_ms = svc.now_ms()
    body = message(head, _document(svc, head, sender))
    headers = _signed(callback_moves.webhook_id(head), now_ms, body, sender.secrets_for(head.tenant, now_ms))
    if head.traceparent is not None:
        headers["traceparent"] = head.traceparent
    if not _claim(svc, head, now_ms):
        return
    suspicion = _Suspicion(gate, svc.now_ms)
    outcome = (sender.send or _sending(svc, head))(url, headers, body, suspicion.raised)
    tried = head.cb_attempt - head.cb_base + 1
    next_ms = None if outcome.delivered or outcome.for_good else _next_ms(tried, outcome, svc)
    _record(svc, head, outcome, next_ms, url)
    with contextlib.suppress(StoreUnavailable):  # what it would have said is only a hint
        gate.report(outcome, svc.now_ms(), suspected=suspicion.told)


def _document(svc: Service, head: Head, sender: Sender) -> Document:
    if head.part == HEAD:
        return sender.document(svc, head)
    from chalicelib.batches.documents import batch_document

    return batch_document(svc, head)


class _Suspicion(Struct):
    """Tells the breaker that this attempt waits, and remembers that it was told."""

    gate: Breaker
    now_ms: Callable[[], int]
    told: bool = False

    def raised(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            self.gate.suspect(self.now_ms())
            self.told = True


def _next_ms(tried: int, outcome: Outcome, svc: Service) -> int | None:
    return next_try(tried, svc.now_ms(), outcome.retry_after_s, svc.spread, status_code=outcome.status_code)


def _sending(svc: Service, head: Head) -> Send:
    def send(to: Receiver, headers: Mapping[str, str], body: bytes, on_slow: Callable[[], None]) -> Outcome:
        if isinstance(to, CallbackUrl):
            return webhook.send(to, headers, body, local=svc.settings.local, on_slow=on_slow)
        return aws_targets.send(to, headers, body, sending=head.cb_base)

    return send


def _give_up(svc: Service, head: Head, why: str) -> None:
    """The end of a callback that is not even sent any more, logged as a try of its own."""
    if _claim(svc, head, svc.now_ms()):
        _record(svc, head, Outcome(None, why, 0), None, None)


def _claim(svc: Service, head: Head, now_ms: int) -> bool:
    return isinstance(svc.store.put_part(callback_moves.begin_delivery(head, now_ms)), Written)


def _record(svc: Service, head: Head, outcome: Outcome, next_ms: int | None, url: Receiver | None) -> None:
    status = "delivered" if outcome.delivered else "failed" if next_ms is None else "pending"
    known = {"status_code": outcome.status_code, "error": outcome.error, "latency_ms": outcome.latency_ms}
    last = json.dumps(known | {"next_at": next_ms}, separators=(",", ":"))
    result = svc.store.apply(callback_moves.end_delivery(head, status, next_ms, last))
    log.event(
        "callback",
        run_id=head.run_id,
        callback=status,
        attempt=head.cb_attempt + 1,
        host=url and url.host,
        unrecorded=result.arms if isinstance(result, Refused) else None,
        metrics=_METRICS[status] | {"CallbackLatency_ms": outcome.latency_ms},
        **{k: v for k, v in known.items() if k != "latency_ms"},
    )


_METRICS: Final = {
    "delivered": {"CallbackDelivered": 1},
    "pending": {"CallbackTryFailed": 1},
    "failed": {"CallbackTryFailed": 1, "CallbackFailed": 1},
}


def _postpone(svc: Service, head: Head, url: Receiver, at_ms: int) -> None:
    """Come again when the receiver may be tried; spread, so that not all come at once."""
    at_ms += round(svc.spread() * max(_POSTPONED_SPREAD_MS, (at_ms - svc.now_ms()) / 4))
    svc.store.apply(callback_moves.postpone(head, at_ms))
    log.event("callback_postponed", run_id=head.run_id, host=url.host, metrics={"CallbackPostponed": 1})


def _a_person_asked(head: Head) -> bool:
    """The first try since somebody sent it again: it goes out, whatever the receiver did before."""
    return head.cb_base > 0 and head.cb_attempt == head.cb_base


def _began_ms(svc: Service, head: Head) -> int:
    """When this round of the schedule began: at the run's end, or with the first try that a person asked for."""
    assert head.finished_at is not None  # only what has ended has a callback that is due
    if head.cb_base == 0:
        return head.finished_at
    first = callback_moves.delivery_part(head.generation, head.cb_base + 1)
    item = svc.store.part(head.run_id, first) or {}
    return int(item.get("at", head.finished_at))


def _signed(msg_id: str, now_ms: int, body: bytes, valid: Sequence[str]) -> dict[str, str]:
    """The headers of one try. One signature a valid secret: a receiver that holds either accepts."""
    timestamp_s = now_ms // 1000
    return {
        "webhook-id": msg_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(sign(secret, msg_id, timestamp_s, body) for secret in valid),
    }


def message(head: Head, document: Document) -> bytes:
    """The body, at most 20 KB: a larger output is left to `links.output`, then the error's text is cut.

    So is an output that holds a number no JSON reader would take back (1e999, from an unwrapped function).
    """
    body = b""
    for shortened in (document, _without_output(document), _with_short_error(document)):
        with contextlib.suppress(ValueError):
            body = _encoded(head, shortened)
            if len(body) <= MAX_BODY_BYTES:
                break
    return body


def _encoded(head: Head, document: Document) -> bytes:
    """ASCII alone, so that no reader can misread it: JSON escapes the rest."""
    kind = "run" if head.part == HEAD else "batch"
    event = {"type": f"{kind}.{head.status}", "timestamp": rfc3339(head.finished_at), "data": document}
    return json.dumps(event, separators=(",", ":"), allow_nan=False).encode()


def _without_output(document: Document) -> Document:
    return document | {"output": None}


def _with_short_error(document: Document) -> Document:
    error = document.get("error") or {}
    cut = {name: text[:_CUT_CHARACTERS] if isinstance(text, str) else text for name, text in error.items()}
    return _without_output(document) | {"error": cut or None}
