"""A receiver on loopback that answers byte by byte as a test says, over TCP or TLS."""

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable

Script = Callable[[socket.socket], None]


def answer(text: str | bytes) -> Script:
    """Read the request, send these bytes, close."""
    return lambda peer: peer.sendall(text.encode() if isinstance(text, str) else text)


class RawReceiver:
    """`requests` holds what arrived, head and body; `script` then has the connection to itself.

    `finished` holds, for each connection that is over, the error that ended it, or None.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None, read: bool = True) -> None:
        self.requests: list[bytes] = []
        self._script, self._tls, self._read = script, tls, read
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.finished: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "RawReceiver":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(peer,), daemon=True).start()

    def _one(self, peer: socket.socket) -> None:
        failure: BaseException | None = None
        try:
            with contextlib.closing(self._secured(peer)) as stream:
                stream.settimeout(20)
                if self._read:
                    self.requests.append(_request(stream))
                self._script(stream)
        except OSError as err:
            failure = err
        self.finished.put(failure)

    def _secured(self, peer: socket.socket) -> socket.socket:
        if self._tls is None:
            return peer
        try:
            return self._tls.wrap_socket(peer, server_side=True)
        except OSError:
            peer.close()
            raise


def _request(stream: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and (piece := stream.recv(65536)):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while lengths and len(body) < int(lengths[0]) and (piece := stream.recv(65536)):
        received, body = received + piece, body + piece
    return received
