"""A web site on loopback that answers as it is told: whole, late, cut off, with errors, each time otherwise."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """One answer. declared: a Content-Length other than the body's; None in `length` sends none at all."""

    body: bytes = b""
    status: int = 200
    type: str = "application/octet-stream"
    headers: tuple[tuple[str, str], ...] = ()
    declared: int | None = None
    length: bool = True
    cut_after: int | None = None
    """The connection breaks off after so many bytes of the body."""
    drip_s: float = 0.0
    """Seconds before each byte."""
    wait_s: float = 0.0
    """Seconds before the answer."""
    endless: bool = False
    ranges: bool = True
    etag: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request."""

    at: float
    path: str
    headers: dict[str, str]
    status: int


@dataclass
class Site:
    """What the site answers, path by path, and what it was asked."""

    host: str = "127.0.0.1"
    replies: dict[str, tuple[Reply, ...]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def serve(self, path: str, *replies: Reply) -> str:
        """Answer a path with these, one after the other; the last one from then on. The whole address."""
        self.replies[path] = replies
        return self.url + path

    def answer(self, path: str, headers: dict[str, str]) -> Reply:
        with self._lock:
            replies = self.replies.get(path, (Reply(b"no such page", 404),))
            turn = self._turn.get(path, 0)
            self._turn[path] = turn + 1
            reply = replies[min(turn, len(replies) - 1)]
            self.asked.append(Asked(time.monotonic(), path, headers, reply.status))
        return reply

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_HEAD(self):
        self._serve(head=True)

    def do_GET(self):
        self._serve(head=False)

    def _serve(self, *, head: bool):
        reply = self.site.answer(self.path, {key.lower(): value for key, value in self.headers.items()})
        time.sleep(reply.wait_s)
        body, status, more = reply.body, reply.status, list(reply.headers)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, reply.etag)
        if reply.ranges and found and same and status == 200:
            start, end = int(found[1]), int(found[2]) if found[2] else len(body) - 1
            if start >= len(body):
                self.send_response(416)
                self.end_headers()
                return
            end = min(end, len(body) - 1)
            more.append(("Content-Range", f"bytes {start}-{end}/{len(body)}"))
            body, status = body[start : end + 1], 206
        self.send_response(status)
        self.send_header("Content-Type", reply.type)
        if reply.length and not reply.endless:
            self.send_header("Content-Length", str(len(body) if reply.declared is None else reply.declared))
        if reply.etag:
            self.send_header("ETag", reply.etag)
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        if head:
            return
        try:
            self._send(reply, body)
        except OSError:
            self.close_connection = True

    def _send(self, reply: Reply, body: bytes):
        while reply.endless:
            self.wfile.write(b"x" * 65536)
        if reply.drip_s:
            for place in range(len(body)):
                time.sleep(reply.drip_s)
                self.wfile.write(body[place : place + 1])
            return
        self.wfile.write(body[: reply.cut_after])

    def log_message(self, *_):
        pass


@contextmanager
def site(host: str = "127.0.0.1") -> Iterator[Site]:
    """A site, while the block lasts. host: one of loopback's."""
    told = Site(host)
    web = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"site": told}))
    web.daemon_threads = True
    web.block_on_close = False
    told.port = web.server_port
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
