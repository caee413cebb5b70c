"""A server on loopback that gives files, well and badly."""

import http.server
import threading
from contextlib import contextmanager, suppress
from typing import ClassVar


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `files`; what the path begins with says how badly.

    good; wrong: other contents; gone: 404; broken: half of it; norange: never a part only; slow,
    stuck: waits, before the contents or half-way, until `slow` is set.
    """

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []
    slow = threading.Event()

    def do_GET(self):
        _, how, name = self.path.split("/", 2)
        contents = self.files.get(name)
        start = self.headers.get("Range", "")
        type(self).asked.append((how, start))
        if contents is None or how == "gone":
            self.send_error(404, "Not Found")
            return
        if how == "wrong":
            contents = b"x" + contents[1:]
        begin = int(start.removeprefix("bytes=").split("-")[0]) if start and how != "norange" else 0
        if begin >= len(contents):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(contents) - begin))
        self.end_headers()
        if how == "slow":
            self.slow.wait()
        half = len(contents) // 2
        if how == "broken" and not start:
            self.wfile.write(contents[:half])
            return
        if how == "stuck":
            self.wfile.write(contents[begin:half])
            self.slow.wait()
            begin = max(begin, half)
        with suppress(BrokenPipeError, ConnectionResetError):  # it was killed meanwhile
            self.wfile.write(contents[begin:])

    def log_message(self, *args):
        pass


@contextmanager
def serving(files):
    Handler.files, Handler.asked = files, []
    Handler.slow.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        Handler.slow.set()
        server.shutdown()
        thread.join()
        server.server_close()
