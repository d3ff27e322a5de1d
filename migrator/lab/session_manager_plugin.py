"""The lab's stand-in for AWS's ``session-manager-plugin``: called with the same arguments, it
forwards a port of this machine to what the session's instance reaches.

A file without imports of this package: it is run as it is, and starts in a moment.
"""

import json
import os
import select
import socket
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

VERSION = "1.2.835.0"
_CHUNK = 64 * 1024


def main(arguments: list[str]) -> int:
    """``RESPONSE REGION StartSession PROFILE REQUEST ENDPOINT``; the response may be the name of a
    variable that holds it (plugin 1.2.497).
    """
    if arguments == ["--version"]:
        sys.stdout.write(f"{VERSION}\n")
        return 0
    if len(arguments) < 5:
        sys.stdout.write(
            "The Session Manager plugin was installed successfully. Use the AWS CLI to start a "
            "session.\n"
        )
        return 0
    started = json.loads(os.environ.get(arguments[0], arguments[0]))
    request = json.loads(arguments[4])
    port = int(request["Parameters"]["localPortNumber"][0])
    _say(f"\nStarting session with SessionId: {started['SessionId']}")
    stay = _channel(started, "stay")
    if stay is None:
        _say("Cannot perform start session: the data channel is closed.")
        return 255
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    _say(f"Port {port} opened for sessionId {started['SessionId']}.\nWaiting for connections...")
    threading.Thread(target=_accept, args=(listener, started), daemon=True).start()
    stay.recv(1)  # until the session ends
    _say(f"\nSessionId: {started['SessionId']} : the session has ended.")
    return 0


def _channel(started: Any, what: str) -> "socket.socket | None":  # noqa: ANN401 - JSON
    url = urlsplit(started["StreamUrl"])
    connection = socket.create_connection((url.hostname or "", url.port or 0))
    connection.sendall(f"{started['TokenValue']} {what}\n".encode())
    return connection if connection.recv(3) == b"ok\n" else None


def _accept(listener: socket.socket, started: Any) -> None:  # noqa: ANN401 - JSON
    while True:
        near, _ = listener.accept()
        threading.Thread(target=_forward, args=(near, started), daemon=True).start()


def _forward(near: socket.socket, started: Any) -> None:  # noqa: ANN401 - JSON
    far = _channel(started, "forward")
    if far is None:
        near.close()
        return
    other = {near: far, far: near}
    answered = False
    with near, far:
        while True:
            for each in select.select([near, far], [], [])[0]:
                try:
                    data = each.recv(_CHUNK)
                    if data:
                        other[each].sendall(data)
                except OSError:
                    return
                if not data:
                    if each is far and not answered:
                        _say("Connection to destination port failed, check SSM Agent logs.")
                    return
                answered = answered or each is far


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
