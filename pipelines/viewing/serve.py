"""The page served on loopback: samples by the page, media from the shards by byte ranges."""

import io
import logging
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from annotation.media_server import send_range
from dataset_cards.viewer.page import page, to_json
from pipelines.viewing.detail import detail, medium_type
from pipelines.viewing.index import Index
from pipelines.viewing.overview import overview
from schemas.errors import UsageError

_log = logging.getLogger(__name__)
_SAMPLE = re.compile(r"/sample/(\d{1,12})")
_MEDIUM = re.compile(r"/media/(\d{1,12})/(audio|video|image)")
_AT_ONCE = 200
_OWN_NAMES = ("127.0.0.1", "localhost")


class ViewServer(ThreadingHTTPServer):
    """Serves one dataset to browsers of this machine.

    Args:
        index: the dataset.
        port: where to listen on 127.0.0.1; 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, index: Index, *, port: int = 0) -> None:
        self.index = index
        self.lock = Lock()
        self.page = page(overview(index), served=True).encode()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise UsageError(f"cannot listen on port {port}: {error.strerror}", do="name another --port") from error

    @property
    def base(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    protocol_version = "HTTP/1.1"
    server_version = "affectloom"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Whatever other site has its name point here is refused: it would read the dataset through the browser."""
        if (self.headers.get("Host") or "").partition(":")[0] not in _OWN_NAMES:
            self._answer(HTTPStatus.FORBIDDEN, b"", "text/plain")
            return
        parts = urllib.parse.urlsplit(self.path)
        try:
            self._route(parts.path, dict(urllib.parse.parse_qsl(parts.query)))
        except (ConnectionError, TimeoutError):  # the browser has what it wanted, and has gone
            self.close_connection = True

    def _route(self, path: str, asked: dict[str, str]) -> None:
        if path == "/":
            self._answer(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        elif path == "/samples":
            self._json(lambda: self._listing(asked))
        elif sample := _SAMPLE.fullmatch(path):
            at = int(sample[1])
            self._json(lambda: asdict(detail(self.server.index, at)))
        elif medium := _MEDIUM.fullmatch(path):
            self._medium(int(medium[1]), medium[2])
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def _listing(self, asked: dict[str, str]) -> dict[str, object]:
        index = self.server.index
        fits = {name[2:]: value for name, value in asked.items() if name.startswith("f.")}
        found = index.find(
            text=asked.get("text", ""), fits=fits, sort=asked.get("sort", "at"), down=asked.get("down") == "1"
        )
        first = asked.get("first", "0")
        return asdict(index.listing(found, int(first) if first.isdecimal() else 0, _AT_ONCE))

    def _json(self, told: Callable[[], dict[str, object]]) -> None:
        try:
            with self.server.lock:
                body = to_json(told()).encode()
        except IndexError:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
            return
        self._answer(HTTPStatus.OK, body, "application/json")

    def _medium(self, at: int, name: str) -> None:
        try:
            with self.server.lock:
                data = self.server.index.medium(at, name)
        except IndexError:
            data = None
        if data is None:
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
            return
        send_range(self, io.BytesIO(data), len(data), medium_type(name, data), self._finish)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self._finish(len(body))
        self.wfile.write(body)

    def _finish(self, size: int) -> None:
        self.send_header("Content-Length", str(size))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
        """Quiet: a page makes many requests."""
        _log.debug(format, *args)
