"""Bringing one source into the store: its hash, its terms, and a copy of what came from the network."""

import hashlib
import ipaddress
import socket
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from typing import IO

from pipelines.recording import StoredRecording
from schemas.errors import SourceUnavailable, TooLong
from schemas.recipe import Acquire
from schemas.source import Source, SourceRow, Told

_BLOCK = 1 << 20
_SUBTITLES_MAX_BYTES = 20 << 20
_RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def acquire(row: SourceRow, recording: StoredRecording, how: Acquire) -> bool:
    """Make `source.json` what the row and the media say. False where it was so already.

    Raises SourceUnavailable or TooLong.
    """
    before = recording.source if recording.acquired else None
    if before is not None and before.stamp == stamp(row) and before == describe(row, before):
        return False
    source = describe(row, _measure(row, recording, how, before))
    recording.write_source(source)
    return True


def is_current(row: SourceRow, recording: StoredRecording) -> bool:
    """Whether the source is in the store as the row describes it, judged without reading the media."""
    if not recording.acquired:
        return False
    before = recording.source
    try:
        return before.stamp == stamp(row) and before == describe(row, before)
    except SourceUnavailable:
        return False


def describe(row: SourceRow, measured: Source) -> Source:
    """The row's words over what was measured of the media."""
    return measured.model_copy(update={name: getattr(row, name) for name in Told.model_fields})


def stamp(row: SourceRow) -> str:
    """What tells cheaply whether the media or the subtitles have changed. Raises SourceUnavailable."""
    parts = []
    for uri in (row.uri, row.subtitles_uri):
        if uri is None:
            parts.append("")
        elif _is_url(uri):
            parts.append(uri)
        else:
            found = _existing(uri).stat()
            parts.append(f"{found.st_size}:{found.st_mtime_ns}")
    text = row.text if row.uri is None else None
    if text is not None:
        parts.append(hashlib.sha256(text.encode()).hexdigest())
    return "|".join(parts)


def _measure(row: SourceRow, recording: StoredRecording, how: Acquire, before: Source | None) -> Source:
    mark = stamp(row)
    subtitles = None
    if row.subtitles_uri is not None:
        subtitles, size = _file(row.subtitles_uri, "subtitles", recording, how, before)
        if size > _SUBTITLES_MAX_BYTES:
            raise TooLong(f"{row.subtitles_uri} has {size:,} bytes: too much for subtitles", do="check the column")
    if row.uri is None:
        data = (row.text or "").encode()
        sha256, size = hashlib.sha256(data).hexdigest(), len(data)
    else:
        sha256, size = _file(row.uri, "media", recording, how, before)
    return Source(id=row.id, uri=row.uri, sha256=sha256, bytes=size, stamp=mark, subtitles_sha256=subtitles)


def _file(uri: str, kind: str, recording: StoredRecording, how: Acquire, before: Source | None) -> tuple[str, int]:
    """SHA-256 and size of a file of the source. What comes from the network is fetched once and kept."""
    if not _is_url(uri):
        path = _existing(uri)
        size = path.stat().st_size
        _check_size(uri, size, how)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), size
    if before is not None and recording.has_copy(kind):
        if kind == "media" and before.uri == uri:
            return before.sha256, before.bytes
        if kind == "subtitles" and before.subtitles_uri == uri and before.subtitles_sha256 is not None:
            return before.subtitles_sha256, 0
    with tempfile.TemporaryDirectory(prefix="affectloom-") as folder:
        copy = Path(folder) / kind
        sha256, size = fetch(uri, copy, how)
        recording.place_copy(kind, copy, sha256)
    return sha256, size


def _is_url(uri: str) -> bool:
    return "://" in uri


def _existing(uri: str) -> Path:
    path = Path(uri)
    if not path.exists():
        raise SourceUnavailable(
            f"{uri} does not exist", do="correct the table of sources, or put the file there", retry=True
        )
    if not path.is_file():
        raise SourceUnavailable(f"{uri} is not a file", do="name a file, or the folder in `sources:`")
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise SourceUnavailable(
            f"{uri} cannot be read: {error.strerror}", do="give yourself the right to read it", retry=True
        ) from error


def _check_size(uri: str, size: int, how: Acquire) -> None:
    if size > how.max_mb * 1_000_000:
        raise TooLong(
            f"{uri} has {size / 1e6:,.0f} MB, allowed are {how.max_mb:,}", do="raise acquire.max_mb in the recipe"
        )


def fetch(url: str, to: Path, how: Acquire) -> tuple[str, int]:
    """Download over http(s); SHA-256 and size. Raises SourceUnavailable (with whether a retry can help), TooLong."""
    opener = urllib.request.build_opener(_CheckedRedirects(how))
    try:
        check_address(url, how)
        request = urllib.request.Request(url, headers={"User-Agent": "affectloom"})  # noqa: S310 - checked above
        with opener.open(request, timeout=how.timeout_s) as answer, to.open("wb") as file:
            declared = answer.headers.get("Content-Length")
            if declared and declared.isdigit():
                _check_size(url, int(declared), how)
            sha256, size = _copy(answer, file, url, how)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceUnavailable(
            f"{_plain(url)} answered {error.code} {error.reason}",
            do="check the address" if error.code not in _RETRY_STATUS else "try again later",
            retry=error.code in _RETRY_STATUS,
        ) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise SourceUnavailable(
            f"{_plain(url)} cannot be fetched: {reason}", do="check the network; a new run tries again", retry=True
        ) from error
    if declared and declared.isdigit() and int(declared) != size:
        raise SourceUnavailable(
            f"{_plain(url)} broke off after {size:,} of {int(declared):,} bytes", do="a new run tries again", retry=True
        )
    return sha256, size


def _copy(answer: IO[bytes], file: IO[bytes], url: str, how: Acquire) -> tuple[str, int]:
    sha256, size = hashlib.sha256(), 0
    while block := answer.read(_BLOCK):
        size += len(block)
        _check_size(url, size, how)
        sha256.update(block)
        file.write(block)
    return sha256.hexdigest(), size


def check_address(url: str, how: Acquire) -> None:
    """Refuse what is not http(s), and hosts inside the own network unless the recipe allows them."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceUnavailable(f"{_plain(url)}: only http and https addresses are fetched", do="download it first")
    if how.private_addresses:
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise SourceUnavailable(
            f"{_plain(url)}: the host {parts.hostname} is unknown: {error}", do="check the address", retry=True
        ) from error
    for *_, address in found:
        if not ipaddress.ip_address(str(address[0]).split("%", 1)[0]).is_global:
            raise SourceUnavailable(
                f"{_plain(url)}: {parts.hostname} is inside the own network ({address[0]})",
                do="set acquire.private_addresses: true in the recipe if that is meant",
            )


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is checked like an address that a person wrote."""

    def __init__(self, how: Acquire) -> None:
        self._how = how

    def redirect_request(  # noqa: PLR0917 - the library's signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        check_address(newurl, self._how)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _plain(url: str) -> str:
    """The address without credentials and query, fit for a message."""
    parts = urllib.parse.urlsplit(url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))
