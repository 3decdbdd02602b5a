"""A proxy on loopback that foreign programs fetch through, to obey our rules: yt-dlp, and ffmpeg for sections.

It connects to checked addresses alone (pipelines.fetch.addresses), takes a turn at each host (pipelines.fetch.pace),
and ends what grows too large or takes too long. It serves who knows its secret, for as long as one source is fetched.
"""

import base64
import contextlib
import re
import secrets
import socket
import threading
import time
import urllib.parse
from types import TracebackType
from typing import Self

from pipelines.fetch.addresses import connect, connect_by, plain, proxy_of, split
from pipelines.fetch.connection import basic, tunnel
from pipelines.fetch.http import retry_after
from pipelines.fetch.pace import Pace
from schemas.acquire import Acquire
from schemas.errors import AffectloomError, RecordingError, SourceUnavailable, StoreError, TooLong

_HEAD_BYTES = 1 << 16
_BLOCK = 1 << 16
_SLACK = 1.2
"""What a page, its index and the packing of its parts may weigh beside the media."""
_WHO = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=gate\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_OWN = ("proxy-", "connection:", "keep-alive:")


class Gate:
    """The proxy of one source. `refused` holds why it let something not through: more exact than what its user says."""

    def __init__(self, how: Acquire, pace: Pace) -> None:
        self._how = how
        self._pace = pace
        self._secret = secrets.token_hex(16)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._until = time.monotonic() + how.max_minutes * 60
        self._left = int(how.max_mb * 1_000_000 * _SLACK) + 20_000_000
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = False
        self.refused: list[AffectloomError] = []

    @property
    def url(self) -> str:
        """As a proxy's address."""
        return f"http://gate:{self._secret}@127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _keep(self, sock: socket.socket) -> socket.socket:
        with self._lock:
            self._open.add(sock)
        if self._ended:
            sock.close()
        return sock

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        self._keep(client)
        try:
            client.settimeout(self._how.timeout_s)
            head, rest = _head(client)
            if not self._is_ours(head):
                client.sendall(_WHO)
                return
            try:
                server = self._reach(client, head)
            except (RecordingError, StoreError) as error:
                self.refused.append(error)
                client.sendall(b"HTTP/1.1 403 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if rest:
                server.sendall(rest)
            self._relay(client, server)
        except (OSError, ValueError):
            pass  # either side went away: the other sees it too
        finally:
            for sock in (client, server):
                if sock is not None:
                    with self._lock:
                        self._open.discard(sock)
                    sock.close()

    def _is_ours(self, head: str) -> bool:
        given = re.search(r"^proxy-authorization:\s*basic\s+(\S+)\s*$", head, re.IGNORECASE | re.MULTILINE)
        wanted = base64.b64encode(f"gate:{self._secret}".encode()).decode()
        return given is not None and secrets.compare_digest(given[1], wanted)

    def _reach(self, client: socket.socket, head: str) -> socket.socket:
        """The connection to where the head asks for, which has been told what it is asked."""
        method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
        is_tunnel = method == "CONNECT"
        at = f"https://{target}" if is_tunnel else target
        parts = split(at)
        host, port = parts.hostname or "", parts.port or (443 if is_tunnel else 80)
        proxy = proxy_of(at, self._how)
        self._pace.take(host, self._how)
        try:
            server = connect(host, port, self._how) if proxy is None else connect_by(proxy, host, self._how)
            self._keep(server)
            if is_tunnel:
                if proxy is not None:
                    tunnel(server, host, port, proxy)
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                return server
        except OSError as error:
            raise SourceUnavailable(f"{plain(at)} cannot be reached: {error}", retry=True) from error
        except SourceUnavailable as error:
            raise type(error)(f"{plain(at)}: {error.what}", do=error.do, retry=error.retry) from error
        asked = at if proxy is not None else urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        lines = [line for line in head.split("\r\n")[1:] if line and not line.lower().startswith(_OWN)]
        if proxy is not None and proxy.username is not None:
            lines.append(f"Proxy-Authorization: {basic(proxy)}")
        said = "\r\n".join([f"{method} {asked} HTTP/1.1", *lines, "Connection: close"]) + "\r\n\r\n"
        server.sendall(said.encode("latin-1"))
        self._note(server, host)
        return server

    def _note(self, server: socket.socket, host: str) -> None:
        """Hear it when the host asks to be left alone, before anybody else reads the answer."""
        server.settimeout(self._how.timeout_s)
        head = server.recv(4096, socket.MSG_PEEK).decode("latin-1")
        if re.match(r"HTTP/1\.\d (429|503)\b", head):
            said = re.search(r"^retry-after:\s*(.*?)\s*$", head, re.IGNORECASE | re.MULTILINE)
            wait_s = retry_after(said[1]) if said else None
            if wait_s is not None:
                self._pace.hold(host, wait_s)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        up = threading.Thread(target=self._upwards, args=(client, server), daemon=True)
        up.start()
        got = 0
        try:
            server.settimeout(self._how.timeout_s)
            while block := server.recv(_BLOCK):
                got += len(block)
                self._check(len(block))
                client.sendall(block)
        except TimeoutError:
            pass
        except TooLong as error:
            self.refused.append(error)
        finally:
            self._pace.spent(got)
            for sock in (client, server):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            up.join(5)

    def _check(self, size: int) -> None:
        with self._lock:
            self._left -= size
            left = self._left
        if left < 0:
            raise TooLong(
                f"more than the {self._how.max_mb:,} MB that are allowed", do="raise acquire.max_mb in the recipe"
            )
        if time.monotonic() > self._until:
            raise TooLong(
                f"it took more than {self._how.max_minutes:g} minutes", do="raise acquire.max_minutes in the recipe"
            )

    @staticmethod
    def _upwards(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.settimeout(None)
            while block := client.recv(_BLOCK):
                server.sendall(block)
            server.shutdown(socket.SHUT_WR)


def _head(client: socket.socket) -> tuple[str, bytes]:
    """The head of a request, and what has come behind it. Raises ValueError where it is too long or none."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = client.recv(4096)
        if not block or len(data) > _HEAD_BYTES:
            raise ValueError("no head")
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest
