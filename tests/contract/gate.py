"""A way to a server that can be shut, stall or lie, as the server itself could."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Gate:
    """Stands before a server on a port of its own, passes bytes both ways, and can be shut, stall or lie."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._pairs: list[socket.socket] = []
        self.lies = False
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """As a server that was stopped: connections are cut, and nobody listens."""
        self._listener.shutdown(socket.SHUT_RDWR)  # else it stays in its accept
        self._listener.close()
        with self._lock:
            for end in self._pairs:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()

    def reopen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """As a server that hangs: it takes connections, and says nothing."""
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    def _accept(self) -> None:
        listener = self._listener
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                return
            with self._lock:
                self._pairs += [client, server]
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, come: socket.socket, go: socket.socket, answer: bool) -> None:
        with come, go, suppress(OSError):
            while data := come.recv(65_536):
                self._open.wait()
                if answer and self.lies:
                    data = _with_another_etag(data)
                go.sendall(data)
            go.shutdown(socket.SHUT_RDWR)


def _with_another_etag(head: bytes) -> bytes:
    at = head.lower().find(b'etag: "')
    return head if at < 0 else head[: at + 7] + b"0" * 32 + head[at + 39 :]
