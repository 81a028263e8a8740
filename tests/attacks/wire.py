"""Requests as bytes on a socket: what no well-behaved client would send."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Answer:
    """Status 0: the connection was ended without one."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        found = re.search(rf"^{re.escape(name)}: *(.*?)\r?$", self.head, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""


def sent(url: str, *parts: bytes) -> Answer:
    """The first answer to `parts`; the connection stays open meanwhile, as if more were to come."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname or "", where.port or 80), PATIENCE) as connection:
        connection.settimeout(PATIENCE)
        for part in parts:
            connection.sendall(part)
        return _answer(b"".join(_received(connection)))


def _received(connection: socket.socket) -> Iterator[bytes]:
    """Until the other side ends, or a whole small answer is there, or the head of one that opens a web socket."""
    got = b""
    try:
        while chunk := connection.recv(65_536):
            yield chunk
            got += chunk
            head, end, body = got.partition(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            if end and (head.startswith(b"HTTP/1.1 101 ") or (length and len(body) >= int(length[1]))):
                return
    except ConnectionResetError:
        return


def _answer(text: bytes) -> Answer:
    head, _, body = text.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.\d (\d{3})", head)
    return Answer(int(status[1]) if status else 0, head.decode("latin-1"), body)


def request(path: str, *headers: str, method: str = "GET", host: str = "") -> bytes:
    """A request's head; `host` stands where the caller puts the server's own."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
