"""The website that the browser clients are on: pages of its own, and the clients' builds out of the npm packages."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.contract.clients.install import FOLDER

PAGES = Path(__file__).parent / "pages"


class Site:
    """Listens on `url`; `write` says what stands in a page's `{{name}}` places."""

    def __init__(self) -> None:
        self._words: dict[str, Mapping[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def write(self, page: str, **words: str) -> None:
        self._words[page] = words

    def read(self, path: str) -> tuple[str, bytes]:
        """The content type and body at `path`. Raises `OSError`, `KeyError`."""
        if path.startswith("/node_modules/"):
            return "text/javascript", (FOLDER / path[1:]).read_bytes()
        page = path.rpartition("/")[2]
        text = (PAGES / page).read_text()
        for name, word in self._words[page].items():
            text = text.replace(f"{{{{{name}}}}}", word)
        return "text/html; charset=utf-8", text.encode()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                kind, body = site.read(self.path.partition("?")[0])
            except (OSError, KeyError):
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
