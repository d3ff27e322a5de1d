"""A server of HTTP that does nothing: what requests to the lab are compared with."""

import http.client
import subprocess
import sys
import time

OF = "as many requests to Python's own HTTP server"
_SERVE = """\
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"x" * 1000
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    disable_nagle_algorithm = True

Answer.disable_nagle_algorithm = True
server = Server(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""


def seconds_of_requests(count: int, body: str = "") -> float:
    """On the wall, over one connection, to a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()))
        began = time.perf_counter()
        for number in range(count + 50):
            if number == 50:
                began = time.perf_counter()
            connection.request("POST", "/", body)
            connection.getresponse().read()
        taken = time.perf_counter() - began
        connection.close()
        server.terminate()
    return taken
