"""One connection for one http request: to a checked address or the environment's proxy, for a limited time."""

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.fetch.addresses import connect, connect_by, proxy_of, split
from pipelines.fetch.pace import Pace
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable


class Again(Exception):
    """A try that failed, and may be made again. reason: what is told if it is not.

    wait_s: as long as the host asks. crowded: the host that says it is asked too much.
    """

    def __init__(self, reason: SourceUnavailable, *, wait_s: float | None = None, crowded: str | None = None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.wait_s = wait_s
        self.crowded = crowded


class Late(Exception):
    """The request took more than its time."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.minutes = minutes


@contextmanager
def connection_for(at: str, how: Acquire, pace: Pace | None) -> Iterator[http.client.HTTPConnection]:
    """A connection for one request, cut when its time is over, however slowly the other side answers."""
    parts = split(at)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    proxy = proxy_of(at, how)
    if pace is not None:
        pace.take(host, how)
    sock = connect(host, port, how) if proxy is None else connect_by(proxy, host, how)
    connection = http.client.HTTPConnection(host, port, timeout=how.timeout_s)
    connection.sock = sock
    live = sock  # the connection lets go of its socket while the answer is read
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):  # it may have ended by itself
            live.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(how.max_minutes * 60, cut)
    timer.daemon = True
    timer.start()
    try:
        if is_tls:
            if proxy is not None:
                tunnel(sock, host, port, proxy)
            live = connection.sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        yield connection
    except (OSError, http.client.HTTPException, Again) as error:
        if late.is_set():
            raise Late(how.max_minutes) from error
        raise
    else:
        if late.is_set():
            raise Late(how.max_minutes)
    finally:
        timer.cancel()
        connection.close()
        sock.close()


def tunnel(sock: socket.socket, host: str, port: int, proxy: urllib.parse.SplitResult) -> None:
    """Have a proxy connect to a host. Raises OSError."""
    name = f"[{host}]" if ":" in host else host
    lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}", *_proxy_lines(proxy)]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    answer = http.client.HTTPResponse(sock, method="CONNECT")
    answer.begin()
    if answer.status != 200:  # noqa: PLR2004
        raise OSError(f"the proxy answered {answer.status}")


def _proxy_lines(proxy: urllib.parse.SplitResult) -> list[str]:
    if proxy.username is None:
        return []
    return [f"Proxy-Authorization: {basic(proxy)}"]


def basic(parts: urllib.parse.SplitResult) -> str:
    """The user and password of an address as a header's value."""
    user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request_of(at: str, how: Acquire, *, with_credentials: bool) -> tuple[str, dict[str, str]]:
    """What is asked for, and the headers: credentials go to the host they were written for alone."""
    parts = split(at)
    port = f":{parts.port}" if parts.port else ""
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    host = name.encode("idna").decode() if not name.isascii() else name
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    target = path + (f"?{query}" if query else "")
    headers = {
        "Host": host + port,
        "User-Agent": "affectloom",
        "Accept-Encoding": "identity",  # nothing is unpacked, so nothing can blow up
        "Connection": "close",
    }
    if with_credentials and parts.username is not None:
        headers["Authorization"] = basic(parts)
    proxy = proxy_of(at, how)
    if proxy is not None and parts.scheme == "http":
        target = f"http://{host}{port}{target}"
        headers |= dict(line.split(": ", 1) for line in _proxy_lines(proxy))
    return target, headers
