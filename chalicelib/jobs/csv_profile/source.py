"""Where a CSV's bytes come from, and how many were read: `Source`, a raw stream that counts."""

from __future__ import annotations

import io
from collections.abc import Callable

LONGEST_LINE = 4 << 20


class Source(io.RawIOBase):
    """A raw stream over `read(n)`, which returns up to n bytes, none at the end.

    `size` is how many bytes there will be and `position` how many were read: progress is their ratio.
    """

    def __init__(self, read: Callable[[int], bytes], size: int) -> None:
        self._read, self.size, self.position, self._line_start = read, size, 0, 0

    @classmethod
    def of_text(cls, text: str) -> Source:
        """The text as UTF-8. Half a surrogate pair, which JSON can hold, becomes a question mark."""
        body = text.encode("utf-8", errors="replace")
        return cls(io.BytesIO(body).read, len(body))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the whole buffer unless the end comes first: the first fill must be enough to sniff from."""
        filled = 0
        while filled < len(buffer) and (chunk := self._read(len(buffer) - filled)):
            self._measure_line(chunk)
            buffer[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            self.position += len(chunk)
        return filled

    def _measure_line(self, chunk: bytes) -> None:
        """A line is held in memory as a whole: refuse one that would not be a line of any CSV."""
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        if end >= 0:
            self._line_start = self.position + end + 1
        elif self.position + len(chunk) - self._line_start > LONGEST_LINE:
            raise ValueError(f"a line is longer than {LONGEST_LINE >> 20} MB: is this a CSV?")
