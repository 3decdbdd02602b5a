"""One file over http(s): taken up where it broke off, under limits of size and time, from checked addresses only."""

import contextlib
import email.utils
import hashlib
import http.client
import re
import ssl
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pipelines.fetch.addresses import plain, split
from pipelines.fetch.connection import Again, Late, connection_for, request_of
from pipelines.fetch.pace import Pace, backoff
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong

_BLOCK = 1 << 18
_REDIRECTS = 10
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
CROWDED = frozenset({429, 503})
"""The host is asked too much: nobody asks it for a while."""
_MEANING = {
    401: "it wants a log-in",
    403: "it is private, or not for this place",
    404: "it is not there",
    410: "it was removed",
    429: "too many requests",
    451: "it is barred for legal reasons",
}
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass
class _Got:
    """What has come of the file so far."""

    file: IO[bytes]
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size: int = 0
    mark: str | None = None
    """A strong ETag of what has come: without one, what broke off is begun again."""
    total: int | None = None

    def add(self, block: bytes) -> None:
        """Keep more of it. Raises _Disk."""
        try:
            self.file.write(block)
        except OSError as error:
            raise _Disk(error) from error
        self.sha256.update(block)
        self.size += len(block)

    def begin_again(self) -> None:
        """Forget what has come."""
        if self.size:
            self.file.seek(0)
            self.file.truncate()
        self.sha256, self.size, self.mark, self.total = hashlib.sha256(), 0, None, None


class _Disk(Exception):
    """It is our own disk that failed, not the network."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def fetch(url: str, to: Path, how: Acquire, pace: Pace | None = None) -> tuple[str, int]:
    """Download a file; its SHA-256 and size.

    Tries `how.tries` times what waiting can mend, waiting longer each time, or as long as the host asks. What broke off
    goes on where it stopped, if the host says by a strong ETag that it is still the same file (RFC 9110, If-Range).

    Raises SourceUnavailable (saying whether a later run can help), TooLong.
    """
    with to.open("wb+") as file:
        got = _Got(file)
        for attempt in range(1, how.tries + 1):
            try:
                _try(url, got, how, pace)
            except Again as again:
                if attempt == how.tries:
                    raise again.reason from again
                _wait(attempt, again, how, pace)
            except _Disk as disk:
                raise disk.error from disk
            else:
                return got.sha256.hexdigest(), got.size
    raise AssertionError(url)  # pragma: no cover - `tries` is at least 1


def _wait(attempt: int, again: Again, how: Acquire, pace: Pace | None) -> None:
    """Wait as long as the host asks, and let the others wait too; else the usual time."""
    wait_s = again.wait_s if again.wait_s is not None else backoff(attempt, how)
    if wait_s > how.longest_wait_s:
        raise again.reason
    if pace is not None and again.crowded is not None:
        pace.hold(again.crowded, wait_s)  # whoever asks next waits for it
    else:
        time.sleep(wait_s)


def _try(url: str, got: _Got, how: Acquire, pace: Pace | None) -> None:
    at, with_credentials = url, True
    for _ in range(_REDIRECTS + 1):
        there = _ask(at, got, how, pace, with_credentials=with_credentials)
        if there is None:
            return
        following = urllib.parse.urljoin(at, there)
        with_credentials = with_credentials and split(following).netloc == split(at).netloc
        at = following
    raise SourceUnavailable(f"{plain(url)} redirects more than {_REDIRECTS} times", do="check the address")


def _ask(at: str, got: _Got, how: Acquire, pace: Pace | None, *, with_credentials: bool) -> str | None:
    """One request. Where it redirects to; None when the file is there."""
    host = split(at).hostname or ""
    with _unavailable(at), connection_for(at, how, pace) as connection:
        target, headers = request_of(at, how, with_credentials=with_credentials)
        if got.size and got.mark is not None:
            headers |= {"Range": f"bytes={got.size}-", "If-Range": got.mark}
        else:
            got.begin_again()
        connection.request("GET", target, headers=headers)
        with contextlib.closing(connection.getresponse()) as answer:
            if answer.status in _REDIRECT_STATUS and (there := answer.headers.get("Location")):
                return there
            _judge(at, host, answer, pace)
            _take(at, answer, got, how, pace)
            return None


@contextmanager
def _unavailable(at: str) -> Iterator[None]:
    try:
        yield
    except Late as error:
        raise TooLong(
            f"{plain(at)} took more than {error.minutes:g} minutes", do="raise acquire.max_minutes in the recipe"
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise SourceUnavailable(
            f"{plain(at)}: its certificate does not hold: {error.verify_message}", do="check the address"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = error if str(error) else type(error).__name__
        told = SourceUnavailable(
            f"{plain(at)} cannot be fetched: {reason}", do="check the network; a new run tries again", retry=True
        )
        raise Again(told) from error
    except SourceUnavailable as error:
        what = error.what if error.what.startswith(plain(at)) else f"{plain(at)}: {error.what}"
        told = type(error)(what, do=error.do, retry=error.retry)
        if type(error) is SourceUnavailable and error.retry:
            raise Again(told) from error
        raise told from error


def _judge(at: str, host: str, answer: http.client.HTTPResponse, pace: Pace | None) -> None:
    """Raise for an answer that brings no file."""
    if answer.status in (200, 206):
        return
    if answer.status == 416:  # noqa: PLR2004 - what we have is longer than what is there now
        raise Again(SourceUnavailable(f"{plain(at)} changed while it was fetched", do="try again later", retry=True))
    retry = answer.status in RETRY_STATUS
    meaning = _MEANING.get(answer.status, "")
    told = SourceUnavailable(
        f"{plain(at)} answered {answer.status} {printable(answer.reason)}" + (f": {meaning}" if meaning else ""),
        do="try again later" if retry else "check the address",
        retry=retry,
    )
    if not retry:
        raise told
    wait_s = retry_after(answer.headers.get("Retry-After"))
    if wait_s is not None and pace is not None:
        pace.hold(host, wait_s)
    crowded = host if answer.status in CROWDED or wait_s is not None else None
    raise Again(told, wait_s=wait_s, crowded=crowded)


def printable(text: str, most: int = 200) -> str:
    """What a stranger wrote, fit for a message: one line, no control characters, not long."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:most]


def retry_after(value: str | None) -> float | None:
    """Seconds that a host asks to wait: RFC 9110, 10.2.3, seconds or a date. None where it says nothing."""
    if value is None:
        return None
    if value.strip().isdecimal() and value.isascii():
        return float(value.strip()[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, TypeError):
        return None


def _take(at: str, answer: http.client.HTTPResponse, got: _Got, how: Acquire, pace: Pace | None) -> None:
    """The body, added to what has come. Raises Again where it broke off, TooLong."""
    packed = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise SourceUnavailable(
            f"{plain(at)} was sent packed ({printable(packed, 30)}), unasked", do="download it first"
        )
    if answer.status == 206:  # noqa: PLR2004
        _continue(at, answer, got)
    else:
        got.begin_again()
        got.total = answer.length
        tag = answer.headers.get("ETag", "")
        got.mark = tag if tag.startswith('"') and tag.isprintable() and answer.length is not None else None
    if got.total is not None:
        check_size(at, got.total, how)
    before = got.size
    try:
        while block := answer.read(_BLOCK):
            got.add(block)
            check_size(at, got.size, how)
    except http.client.IncompleteRead as error:
        got.add(error.partial)
        raise _broke_off(at, got) from error
    finally:
        if pace is not None and got.size > before:
            pace.spent(got.size - before)
    if got.total is not None and got.size != got.total:
        raise _broke_off(at, got)


def _continue(at: str, answer: http.client.HTTPResponse, got: _Got) -> None:
    """Check that what comes is the rest of the same file: else it is begun again at the next try."""
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    tag = answer.headers.get("ETag", got.mark)
    fits = (
        found is not None
        and got.size > 0
        and int(found[1]) == got.size
        and found[3] in ("*", str(got.total))
        and int(found[2]) + 1 == got.total
        and tag == got.mark
    )
    if not fits:
        got.begin_again()
        raise Again(SourceUnavailable(f"{plain(at)} changed while it was fetched", do="try again later", retry=True))


def _broke_off(at: str, got: _Got) -> Again:
    of = f" of {got.total:,}" if got.total is not None else ""
    return Again(
        SourceUnavailable(f"{plain(at)} broke off after {got.size:,}{of} bytes", do="a new run tries again", retry=True)
    )


def check_size(uri: str, size: int, how: Acquire) -> None:
    """Raise TooLong where a file is larger than the recipe allows."""
    if size > how.max_mb * 1_000_000:
        shown = plain(uri) if "://" in uri else uri
        raise TooLong(
            f"{shown} has {size / 1e6:,.0f} MB, allowed are {how.max_mb:,}", do="raise acquire.max_mb in the recipe"
        )
