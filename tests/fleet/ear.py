"""A real web server on this computer, for what a webhook is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Ear:
    """A web server that remembers what it was told, and answers as it is told."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.heard: list[tuple[str, dict[str, str], Any]] = []
        self.drips = threading.Event()
        """Set to end an answer that comes byte by byte."""
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                ear.heard.append((self.path, headers, json.loads(body)))
                answer = ear.answers.pop(0) if ear.answers else 204
                if not answer:
                    while not ear.drips.wait(0.02):
                        self.wfile.write(b"H")
                    return
                self.send_response(answer)
                if answer == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                ear.heard.append((self.path, {}, None))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0KEN"
        self._thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.drips.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
