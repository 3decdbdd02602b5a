"""Which addresses may be asked, and connecting to nothing else.

A name is resolved once, every answer is checked, and the connection goes to a checked answer: a name whose answer
changes between the check and the connection (DNS rebinding) gains nothing.
"""

import ipaddress
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable

PROXY = "AFFECTLOOM_PROXY"
_SPECIAL = ipaddress.ip_network("192.0.0.0/24")
"""Called global in part, and where one cloud keeps its metadata."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")
_V4_BITS = 0xFFFFFFFF

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddress(SourceUnavailable):
    """The address is one that is not asked, whoever names it."""


@dataclass(frozen=True)
class Place:
    """One checked answer to a name."""

    family: int
    address: str
    port: int


def plain(url: str) -> str:
    """The address without credentials, query and fragment, fit for a message or a log."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "an address that cannot be read"
    path = "".join(sign if sign.isprintable() else "?" for sign in parts.path)
    return urllib.parse.urlunsplit((parts.scheme, host, path, "", ""))


def shown(uri: str) -> str:
    """A source's address, fit to be shown: the prefix of yt-dlp kept, credentials left out; a path as it is."""
    prefix = next((mark for mark in ("yt-dlp-list:", "yt-dlp:") if uri.startswith(mark)), "")
    rest = uri.removeprefix(prefix)
    return prefix + (re.sub(r"//[^/?#]*@", "//", rest) if "://" in rest else rest)


def split(url: str) -> urllib.parse.SplitResult:
    """The parts of an http(s) address. Raises ForbiddenAddress for any other."""
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or any(sign <= " " or sign == "\x7f" for sign in url):
        raise ForbiddenAddress(
            f"{plain(url)}: only http and https addresses are fetched", do="download it first, or correct the address"
        )
    return parts


def is_open(address: Address) -> bool:
    """Whether it is a public unicast address; those that carry an IPv4 address are judged by it too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _carried(address)
        if inner is not None:
            return is_open(inner)
        if address in _NAT64_LOCAL or address in _V4_COMPATIBLE:
            return False
    elif address in _SPECIAL:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return ipaddress.IPv4Address(int(address) & _V4_BITS) if address in _NAT64 else None


def places(host: str, port: int, how: Acquire) -> list[Place]:
    """The answers to a name, asked once. Raises ForbiddenAddress if one of them is inside the own network.

    Raises SourceUnavailable where the name is unknown.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise SourceUnavailable(f"the host {host} is unknown: {error}", do="check the address", retry=True) from error
    answers = [Place(family, str(address[0]), port) for family, *_, address in found]
    if not is_allowed(host, how):
        _refuse_inner(host, (answer.address for answer in answers))
    return answers


def is_allowed(host: str, how: Acquire) -> bool:
    """Whether the recipe lets this host be inside the own network."""
    if isinstance(how.private_addresses, bool):
        return how.private_addresses
    return host.lower().rstrip(".") in {name.lower().strip("[]") for name in how.private_addresses}


def _refuse_inner(host: str, answers: Iterable[str]) -> None:
    for answer in answers:
        if not is_open(ipaddress.ip_address(answer.split("%", 1)[0])):
            raise ForbiddenAddress(
                f"{host} is inside the own network ({answer})",
                do=f"set acquire.private_addresses: [{host}] in the recipe if that is meant",
            )


def check(url: str, how: Acquire) -> None:
    """Refuse what is not http(s), and hosts inside the own network unless the recipe allows them."""
    parts = split(url)
    try:
        places(parts.hostname or "", parts.port or 443, how)
    except SourceUnavailable as error:
        if proxy_of(url, how) is not None and not isinstance(error, ForbiddenAddress):
            return  # the proxy may know it
        raise type(error)(f"{plain(url)}: {error.what}", do=error.do, retry=error.retry) from error


def connect(host: str, port: int, how: Acquire) -> socket.socket:
    """A connection to the host at an address that was checked. Raises SourceUnavailable."""
    failed = ""
    for place in places(host, port, how):
        sock = socket.socket(socket.AddressFamily(place.family), socket.SOCK_STREAM)
        sock.settimeout(min(how.timeout_s, 30.0))
        try:
            sock.connect((place.address, place.port))
        except OSError as error:
            sock.close()
            failed = f"{error.strerror or error}"
            continue
        sock.settimeout(how.timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise SourceUnavailable(
        f"{host} cannot be reached: {failed}", do="check the network; a new run tries again", retry=True
    )


def proxy_of(url: str, how: Acquire) -> urllib.parse.SplitResult | None:
    """The http proxy that the environment names for an address: `$AFFECTLOOM_PROXY`, else the usual variables.

    Hosts that the recipe lets be inside the own network are asked without it. Raises SourceUnavailable for a proxy of
    another kind.
    """
    parts = split(url)
    host = parts.hostname or ""
    if is_allowed(host, how):
        return None
    given = os.environ.get(PROXY)
    if not given:
        usual = urllib.request.getproxies()
        given = usual.get(parts.scheme) or usual.get("all")
        if not given or urllib.request.proxy_bypass(host):
            return None
    found = urllib.parse.urlsplit(given if "://" in given else f"http://{given}")
    if found.scheme != "http" or not found.hostname:
        raise SourceUnavailable("the proxy of the environment is not an http:// address", do=f"correct ${PROXY}")
    return found


def connect_by(proxy: urllib.parse.SplitResult, host: str, how: Acquire) -> socket.socket:
    """A connection to the environment's proxy, for a host that is checked here as far as its name is known here."""
    try:
        places(host, 443, how)
    except ForbiddenAddress:
        raise
    except SourceUnavailable:
        pass  # the proxy may know it
    return socket.create_connection((proxy.hostname or "", proxy.port or 3128), min(how.timeout_s, 30.0))
