"""A web server for tests of downloads, which can misbehave."""

import contextlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = 1 << 16  # bytes


class FileServer:
    """Serves files on 127.0.0.1.

    Attributes:
        files: contents by path.
        ranges: whether it answers requests for a range.
        etag: the ETag of every file; none if empty.
        breaks_after: the number of bytes after which it ends each connection.
        sends_length: whether it sends Content-Length.
        delay: seconds before each block of 64 kB.
        sent: bytes sent so far.
        requests: the paths of all requests.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ranges = True
        self.etag = '"1"'
        self.breaks_after: int | None = None
        self.sends_length = True
        self.delay = 0.0
        self.sent = 0
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "FileServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # `self` is the handler
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                data = server.files.get(self.path.lstrip("/"))
                if data is None:
                    self.send_error(404)
                else:
                    self.send_file(data)

            def send_file(self, data: bytes) -> None:
                start, end = self.requested_range(len(data))
                if start >= len(data) and "Range" in self.headers:
                    self.send_error(416)
                    return
                partial = (start, end) != (0, len(data))
                self.send_response(206 if partial else 200)
                if partial:
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
                if server.etag:
                    self.send_header("ETag", server.etag)
                if server.sends_length:
                    self.send_header("Content-Length", str(end - start))
                self.end_headers()
                content = data[start:end][: server.breaks_after]
                with contextlib.suppress(OSError):  # of a client that has closed the connection
                    for block in range(0, len(content), _BLOCK):
                        time.sleep(server.delay)
                        server.sent += self.wfile.write(content[block : block + _BLOCK])

            def requested_range(self, size: int) -> tuple[int, int]:
                fresh = self.headers.get("If-Range", server.etag) == server.etag
                bounds = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
                if not (bounds and any(bounds.groups()) and server.ranges and fresh):
                    return 0, size
                first, last = bounds.groups()
                if not first:  # the last bytes
                    return max(0, size - int(last)), size
                return int(first), min(int(last) + 1, size) if last else size

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
