"""Text that comes from a handler, made fit to be kept: its messages, its errors, its labels.

Nothing here raises: a text that cannot be made must never cost a run its outcome.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable

UNMADE = "(its text could not be made)"
MESSAGE_CHARS = 4_000  #: of an error
TRACE_CHARS = 4_000
#: Of a trace: what is not a frame (messages, notes) may take this much of it, and one piece of it that much.
WORDS_CHARS, PIECE_CHARS = 1_500, 500
LAST_FRAMES = 30  #: of each exception of a chain; a recursion has a thousand


def clean(text: str, chars: int) -> str:
    """`text` cut to `chars`, such that UTF-8 carries it: halves of a surrogate pair are joined, lone ones replaced."""
    cut = text[:chars]
    if cut.isascii():
        return cut
    return cut.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(value: object, chars: int = MESSAGE_CHARS) -> str:
    """`str(value)`, clean; where its `__str__` raises, words that say so."""
    try:
        return clean(str(value), chars)
    except BaseException:  # whatever it raises: it is called in the middle of recording an outcome
        return UNMADE


def name_of(error: BaseException) -> str:
    """The name of its class, which a metaclass may hide."""
    try:
        return clean(type(error).__name__, 200)
    except BaseException:
        return UNMADE


def trace_of(error: BaseException) -> str | None:
    """What Python prints of `error`, its frames and its words each cut to a size: a long message costs no frame."""
    try:
        told = traceback.TracebackException.from_exception(error, limit=-LAST_FRAMES, compact=True)
        _say_what_raised(told, error)
        return clean(_cut(list(told.format())), TRACE_CHARS)
    except BaseException:
        return None


def _say_what_raised(told: traceback.TracebackException, error: BaseException) -> None:
    """Where there is no source to quote (compiled files alone, code from standard input), the code itself still tells
    a `raise` from a call that failed.
    """
    frame = error.__traceback__
    if frame is None or not told.stack or told.stack[-1].line:
        return
    from opcode import opname

    while frame.tb_next is not None:
        frame = frame.tb_next
    if opname[frame.tb_frame.f_code.co_code[frame.tb_lasti]] == "RAISE_VARARGS":
        last = told.stack[-1]
        line = f"raise {name_of(error)}  # its source is not at hand"
        told.stack[-1] = traceback.FrameSummary(last.filename, last.lineno, last.name, lookup_line=False, line=line)


def _cut(pieces: Iterable[str]) -> str:
    """The last pieces that fit: the place of the error stands at the end."""
    room = {True: TRACE_CHARS - WORDS_CHARS, False: WORDS_CHARS}
    kept: list[str] = []
    for piece in reversed([_short(piece) for piece in pieces]):
        is_frame = piece.lstrip(" |+-").startswith('File "')
        room[is_frame] -= len(piece)
        if room[is_frame] >= 0:
            kept.append(piece)
    return "".join(reversed(kept))


def _short(piece: str) -> str:
    return piece if len(piece) <= PIECE_CHARS else f"{piece[: PIECE_CHARS - 2]}…\n"
