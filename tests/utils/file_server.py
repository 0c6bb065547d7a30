"""A small web server for tests of downloads, with the bad habits that servers have."""

import contextlib
import http.server
import threading
import time


class FileServer:
    """Serves `files` (path -> bytes) from a thread of its own.

    Arguments:
        files: dict, may be changed while the server runs.

    Attributes:
        url: address with a slash at its end.
        requests: list of (path, value of the Range header or None).
        cuts: list of ints; each answer takes one and ends the connection after as many bytes of its body.
        ranges: whether it sends parts of files; 'ignored' promises and does not, 'wrong' sends another part.
        tag: ETag of all files.
        length: how the length is told: 'header', 'chunks' or None.
        pause: seconds that it waits before every 64 kB of a body.
        go_on: event that it waits for after the first 64 kB of a body; set unless a test clears it.
    """

    def __init__(self, files):
        self.files = dict(files)
        self.requests, self.cuts = [], []
        self.ranges, self.tag, self.length, self.pause = True, '"v1"', "header", 0
        self.go_on = threading.Event()
        self.go_on.set()

    @contextlib.contextmanager
    def running(self):
        """Context in which it answers."""
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner._answer(self)

            def log_message(self, *args):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
            httpd.daemon_threads = True
            thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            self.url = f"http://127.0.0.1:{httpd.server_port}/"
            try:
                yield self
            finally:
                self.go_on.set()
                httpd.shutdown()
                thread.join()

    def _answer(self, handler):
        wanted = handler.headers.get("Range")
        self.requests.append((handler.path[1:], wanted))
        handler.close_connection = True
        body = self.files.get(handler.path[1:])
        if body is None:
            handler.send_error(404)
            return
        if wanted and self.ranges != "ignored" and handler.headers.get("If-Range") in (self.tag, None):
            start = int(wanted[len("bytes=") : -1]) - (self.ranges == "wrong")
            if start >= len(body):
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            handler.send_response(200)
        if self.tag:
            handler.send_header("ETag", self.tag)
        if self.ranges:
            handler.send_header("Accept-Ranges", "bytes")
        if self.length == "header":
            handler.send_header("Content-Length", str(len(body)))
        elif self.length == "chunks":
            handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            self._send(handler.wfile, body)

    def _send(self, out, body):
        cut = self.cuts.pop(0) if self.cuts else None
        for start in range(0, len(body), 1 << 16):
            time.sleep(self.pause)
            if start:
                self.go_on.wait(60)
            block = body[start : start + (1 << 16)]
            if cut is not None:
                block = block[: max(0, cut - start)]
            out.write(b"%x\r\n%b\r\n" % (len(block), block) if self.length == "chunks" and block else block)
        if self.length == "chunks" and cut is None:
            out.write(b"0\r\n\r\n")
