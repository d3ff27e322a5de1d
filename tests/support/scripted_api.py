"""An HTTP server on this machine that answers from a function: for what the lab would never
answer.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def token(self) -> str:
        """The bearer token."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


Reply = tuple[int, object] | tuple[int, object, Mapping[str, str]] | None
Script = Callable[[Asked], Reply]


@dataclass
class ScriptedApi:
    """The running server: its address, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted_api(script: Script) -> Iterator[ScriptedApi]:
    """Serve ``script``: (status, body[, headers]); None closes the connection without an answer."""
    api = ScriptedApi("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            body = json.loads(content) if content else None
            headers = {key.lower(): value for key, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            api.asked.append(asked)
            reply = script(asked)
            if reply is None:
                self.close_connection = True
                return
            status, document = reply[0], reply[1]
            text = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for key, value in (reply[2] if len(reply) == 3 else {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
