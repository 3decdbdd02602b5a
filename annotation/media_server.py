"""Serve clips to annotators' browsers: links that cannot be guessed, that expire, and that open nothing else.

A link is `/m/EXPIRES/SIGNATURE/NAME`. The signature is HMAC-SHA256 over the expiry and the name, under a secret that
the program which makes the links and the server share. Whoever has a link can use it until it expires: send nobody a
link who should not see the clip, and serve over https (behind a reverse proxy) beyond one machine.
"""

import base64
import hashlib
import hmac
import logging
import mimetypes
import re
import socket
import time
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from schemas.errors import UsageError

_log = logging.getLogger(__name__)
_LINK = re.compile(r"/m/(\d{1,12})/([A-Za-z0-9_-]{43})/([^/?#]{1,400})(?:\?.*)?")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_NAME = re.compile(r"[A-Za-z0-9#][A-Za-z0-9._#~-]{0,250}")
_SHORTEST_SECRET = 16
_BLOCK = 1 << 18
DEFAULT_URL = "http://127.0.0.1:8095"
TYPES = {".mp4": "video/mp4", ".flac": "audio/flac", ".wav": "audio/wav", ".png": "image/png", ".jpg": "image/jpeg"}


SIGNED_DAYS = 14 / 3
"""What `expiry` may be asked for of links to objects: S3 and Google Cloud Storage sign for 7 days at most."""


def expiry(now: float, days: float) -> int:
    """When links made now expire: between `days` and one and a half times as many from now, in seconds since 1970.

    The moment is rounded up to halves of `days`, so that pushes of the same week make the same links.
    """
    half = max(1, round(days * 86_400 / 2))
    return -(-round(now) // half) * half + 2 * half


def link(base: str, name: str, secret: bytes, expires: int) -> str:
    """A link to the file `name`, good until `expires` (seconds since 1970).

    Args:
        base: address of the server, such as http://127.0.0.1:8095.
        name: of a file in the server's folder itself.
        secret: at least 16 bytes.
        expires: seconds since 1970.

    Raises:
        UsageError: the secret is too short, or the name is none that the server serves.
    """
    _check(secret)
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be served", do="letters, digits, '.', '_', '-', '~' and '#' only")
    return f"{base.rstrip('/')}/m/{expires}/{_signature(name, secret, expires)}/{urllib.parse.quote(name, safe='')}"


def _check(secret: bytes) -> None:
    if len(secret) < _SHORTEST_SECRET:
        raise UsageError(f"the secret for media links has {len(secret)} bytes; at least {_SHORTEST_SECRET} are needed")


def _signature(name: str, secret: bytes, expires: int) -> str:
    mac = hmac.new(secret, f"affectloom media\n{expires}\n{name}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def named_by(path: str, secret: bytes, now: float) -> str | HTTPStatus:
    """The file that a request's path may have: its name, or why not.

    403 for a link that was never made (or made with another secret), 410 for one that has expired.
    """
    match = _LINK.fullmatch(path)
    if match is None:
        return HTTPStatus.NOT_FOUND
    expires, given = int(match[1]), match[2]
    name = urllib.parse.unquote(match[3])
    if not hmac.compare_digest(given, _signature(name, secret, expires)):
        return HTTPStatus.FORBIDDEN
    if now >= expires:
        return HTTPStatus.GONE
    return name if _NAME.fullmatch(name) else HTTPStatus.NOT_FOUND


def byte_range(header: str | None, size: int) -> tuple[int, int, HTTPStatus]:
    """What a `Range` header asks for (RFC 9110, 14.2): first byte, one past the last, and the status to answer with.

    206 for a range, cut to the file's end; 416 for one outside the file; 200 and the whole file without a header, and
    for several ranges, other units and ranges that make no sense, which the standard allows to be ignored.
    """
    match = _RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[1] == match[2] == "" or (match[1] and match[2] and int(match[1]) > int(match[2])):
        return 0, size, HTTPStatus.OK
    if match[1]:
        first, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
    else:  # the last so many bytes
        first, end = size - min(int(match[2]), size), size
    if first >= size:
        return 0, 0, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    return first, end, HTTPStatus.PARTIAL_CONTENT


def send_range(
    handler: BaseHTTPRequestHandler,
    file: IO[bytes],
    size: int,
    kind: str,
    finish: Callable[[int], None],
    *,
    body: bool = True,
) -> None:
    """Answer a request with the part of a file that its `Range` header asks for.

    size: of the file, bytes. kind: its type. finish: sends the length, what all answers have, and
    the end of the headers.
    """
    first, end, status = byte_range(handler.headers.get("Range"), size)
    handler.send_response(status)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        handler.send_header("Content-Range", f"bytes */{size}")
        finish(0)
        return
    handler.send_header("Content-Type", kind)
    handler.send_header("Accept-Ranges", "bytes")
    handler.send_header("Cache-Control", "private, max-age=3600")
    if status == HTTPStatus.PARTIAL_CONTENT:
        handler.send_header("Content-Range", f"bytes {first}-{end - 1}/{size}")
    finish(end - first)
    left = end - first if body else 0
    file.seek(first)
    while left and (block := file.read(min(_BLOCK, left))):
        handler.wfile.write(block)
        left -= len(block)


class MediaServer(ThreadingHTTPServer):
    """Serves the files of one folder, none below it, to bearers of links.

    Args:
        folder: where the clips are.
        secret: the one that the links were made with.
        host, port: where to listen; port 0 takes a free one (`base` tells it).
        origin: the address of Label Studio: browsers let only its pages read the clips (CORS).
        clock: seconds since 1970.
    """

    daemon_threads = True

    def __init__(
        self,
        folder: Path,
        secret: bytes,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        origin: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check(secret)
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}", do="`affectloom annotate push` writes the clips there")
        self.folder, self.secret, self.clock = folder.resolve(), secret, clock
        parts = urllib.parse.urlsplit(origin)
        self.origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "null"
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", do="name another --port") from error

    @property
    def base(self) -> str:
        """The address that links to this server begin with."""
        host, port = self.server_address[:2]
        return f"http://{f'[{host!s}]' if ':' in str(host) else str(host)}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: MediaServer
    protocol_version = "HTTP/1.1"
    server_version = "affectloom"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        self._serve(body=True)

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_OPTIONS(self) -> None:
        """What a browser asks before it sends a Range header to another origin."""
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD")
        self.send_header("Access-Control-Allow-Headers", "Range")
        self.send_header("Access-Control-Max-Age", "86400")
        self._finish(0)

    def _serve(self, *, body: bool) -> None:
        named = named_by(self.path, self.server.secret, self.server.clock())
        if isinstance(named, HTTPStatus):
            self._deny(named)
            return
        path = self.server.folder / named
        if path.is_symlink() or not path.is_file():
            self._deny(HTTPStatus.NOT_FOUND)
            return
        try:
            with path.open("rb") as file:
                self._send(file, path, body=body)
        except (ConnectionError, TimeoutError):  # the browser has what it wanted, and has gone
            self.close_connection = True
        except OSError:
            self._deny(HTTPStatus.NOT_FOUND)

    def _send(self, file: IO[bytes], path: Path, *, body: bool) -> None:
        kind = TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        send_range(self, file, path.stat().st_size, kind, self._finish, body=body)

    def _deny(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self._finish(0)

    def _finish(self, length: int) -> None:
        self.send_header("Content-Length", str(length))
        self.send_header("Access-Control-Allow-Origin", self.server.origin)
        self.send_header("Vary", "Origin")
        self.send_header("Access-Control-Expose-Headers", "Content-Range, Content-Length, Accept-Ranges")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
        """Links are secrets: no log line holds one."""
        _log.debug("a request from %s", self.client_address[0])


def object_link(url: str, expires_s: int) -> str:
    """A pre-signed link to an object of S3 or Google Cloud Storage, good for so many seconds.

    url: an fsspec URL, such as s3://bucket/clip.mp4. The store's own credentials sign it. Byte ranges and CORS are
    the bucket's business: its CORS rules must name Label Studio's origin.

    Raises:
        UsageError: the file system cannot sign links.
    """
    import fsspec

    fs, path = fsspec.core.url_to_fs(url)
    try:
        return str(fs.sign(path, expiration=expires_s))
    except NotImplementedError as error:
        raise UsageError(
            f"{url.split('://', maxsplit=1)[0]} cannot sign links",
            do="put the clips on S3 or Google Cloud Storage, or use `affectloom annotate serve`",
        ) from error
