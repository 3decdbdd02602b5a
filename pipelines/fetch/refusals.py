"""Why a page's recording cannot be had: what yt-dlp says, in our terms."""

import errno
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.fetch.http import CROWDED, RETRY_STATUS, printable, retry_after
from schemas.errors import MissingPart, SourceUnavailable


class Private(SourceUnavailable):
    """Only some may see it: private, for members, behind a log-in."""


class Removed(SourceUnavailable):
    """It was there and is not any more, or never was."""


class GeoBlocked(SourceUnavailable):
    """It is not shown in this country."""


class AgeGated(SourceUnavailable):
    """It is shown to those who have proved their age."""


class Live(SourceUnavailable):
    """It is going on, or has not begun."""


class RateLimited(SourceUnavailable):
    """The site says that it was asked too often, or takes us for a robot."""


class NotFetched(SourceUnavailable):
    """The network or the site failed."""


class NoRecording(SourceUnavailable):
    """The page holds none that yt-dlp finds, or one that cannot be taken."""


_ELSEWHERE = "fetch it from a place where it is shown: $AFFECTLOOM_PROXY names a proxy"
_TAKE_OUT = "take it out of the table of sources"
_LOOK = "open the page in a browser; a newer yt-dlp may know it"
_COOKIES = "if you may see it, give the cookies of your log-in in $AFFECTLOOM_COOKIES (a Netscape cookie file)"
_WORDS: tuple[tuple[tuple[str, ...], type[SourceUnavailable], str, bool], ...] = (
    # The order matters: what is more exact comes first.
    (
        ("not a bot", "captcha", "rate.?limit", "too many requests", "try again later", "429"),
        RateLimited,
        "try again later, slower: acquire.delay_s",
        True,
    ),
    (
        ("age.?restrict", "age.?gate", "confirm your age", "inappropriate for some", "age verification"),
        AgeGated,
        _COOKIES,
        False,
    ),
    (
        ("geo.?restrict", "not available (in|from) your (country|location|region)", "in your country"),
        GeoBlocked,
        _ELSEWHERE,
        False,
    ),
    (
        (
            "live event will begin",
            "premieres? in",
            "premiere will begin",
            "is (currently )?live",
            "not currently live",
            "is offline",
            "has not started",
            "upcoming",
        ),
        Live,
        "run the same command again when it is over",
        True,
    ),
    (
        (
            "private (video|playlist|channel)",
            "(video|playlist) is private",
            "members.?only",
            "join this channel",
            "only available (to|for)",
            "log ?in",
            "sign ?in",
            "account (is )?required",
            r"subscribers?\b",
            "premium",
            "password",
            "purchase",
            r"\brent(al)?\b",
            r"\bdrm\b",
        ),
        Private,
        _COOKIES,
        False,
    ),
    (
        (
            "removed",
            "deleted",
            "terminated",
            "no longer (available|exists)",
            "does ?n[o']t exist",
            "copyright",
            "not found",
            r"\b404\b",
            r"\b410\b",
            "video (is )?unavailable",
            "(is|isn't) (not )?available",
            "suspended",
        ),
        Removed,
        _TAKE_OUT,
        False,
    ),
    (
        ("javascript runtime", "js runtime", "signature", "nsig", "challenge solving", "po.?token", "impersonat"),
        NoRecording,
        "`affectloom doctor` says whether the JavaScript runtime that some sites need is there; update yt-dlp",
        False,
    ),
    (
        ("unsupported url", "no video", "no media", "unable to extract", "no formats", "no playlist"),
        NoRecording,
        _LOOK,
        False,
    ),
    (
        (
            "timed? ?out",
            "connection",
            "network",
            "resolve",
            "temporary failure",
            "incomplete",
            r"\bssl\b",
            "tunnel",
            "remote end",
            r"expected \d+ (more )?bytes",
            r"\beof\b",
        ),
        NotFetched,
        "check the network; a new run tries again",
        True,
    ),
)
_STATUS: dict[int, tuple[type[SourceUnavailable], str, bool]] = {
    401: (Private, _COOKIES, False),
    402: (Private, _COOKIES, False),
    403: (Private, _COOKIES, False),
    404: (Removed, _TAKE_OUT, False),
    410: (Removed, _TAKE_OUT, False),
    429: (RateLimited, "try again later, slower: acquire.delay_s", True),
    451: (GeoBlocked, _ELSEWHERE, False),
}


def refusal(url: str, error: BaseException) -> SourceUnavailable:
    """What an error of yt-dlp means. url: fit for a message."""
    chain = list(_chain(error))
    said = plain_words(str(error))
    for each in chain:
        status = getattr(each, "status", None)
        if isinstance(status, int) and status:
            return _of_status(url, status)
    names = {type(each).__name__ for each in chain}
    if "GeoRestrictedError" in names:
        return GeoBlocked(f"{url}: {said}", do=_ELSEWHERE)
    if "CertificateVerifyError" in names:
        return NotFetched(f"{url}: its certificate does not hold", do="check the address")
    if names & {"TransportError", "IncompleteRead", "ContentTooShortError", "ProxyError"}:
        return NotFetched(f"{url} cannot be fetched: {said}", do="check the network; a new run tries again", retry=True)
    for patterns, kind, do, retry in _WORDS:
        if re.search("|".join(patterns), said, re.IGNORECASE):
            return kind(f"{url}: {said}", do=do, retry=retry)
    return NoRecording(f"{url}: {said}", do=_LOOK)


def _of_status(url: str, status: int) -> SourceUnavailable:
    if status in _STATUS:
        kind, do, retry = _STATUS[status]
        return kind(f"{url} answered {status}", do=do, retry=retry)
    retry = status in RETRY_STATUS
    return NotFetched(f"{url} answered {status}", do="try again later" if retry else "check the address", retry=retry)


def of_disk(error: BaseException) -> OSError | None:
    """The error of our own disk behind an error, if it is one."""
    ours = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)
    return next((each for each in _chain(error) if isinstance(each, OSError) and each.errno in ours), None)


@dataclass(frozen=True)
class Crowded:
    """A host that says it is asked too much. wait_s: as long as it asks to be left alone, if it says so."""

    host: str
    wait_s: float | None


def crowded(error: BaseException) -> Crowded | None:
    """Which host of a page's is asked too much; None where it is not that."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        headers = getattr(response, "headers", None)
        if headers is not None and getattr(each, "status", None) in CROWDED:
            host = urllib.parse.urlsplit(str(getattr(response, "url", ""))).hostname or ""
            return Crowded(host, retry_after(headers.get("Retry-After")))
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, as yt-dlp keeps it in several places."""
    queue: list[BaseException | None] = [error]
    seen: set[int] = set()
    while queue:
        each = queue.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        held = getattr(each, "exc_info", None)
        queue += [held[1]] if isinstance(held, tuple) and len(held) > 1 else []
        queue += [getattr(each, "cause", None) if isinstance(getattr(each, "cause", None), BaseException) else None]
        queue += [each.__cause__, each.__context__]


def plain_words(said: str) -> str:
    """yt-dlp's message without colours, `ERROR:`, advice on its own command line, and addresses with their queries."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", said).removeprefix("ERROR:").strip()
    text = re.sub(r"\s*(; please report this issue|\(caused by|Use --|See  ?https?:).*", "", text, flags=re.DOTALL)
    text = re.sub(r"(\w+://)[^\s/@]*@", r"\1", text)
    text = re.sub(r"(\w+://[^\s?#]*)[?#]\S*", r"\1", text)
    return printable(" ".join(text.split()), 300)


def no_yt_dlp(error: ImportError) -> MissingPart:
    """yt-dlp is not installed."""
    return MissingPart(
        f"addresses with `yt-dlp:` need the package {error.name or 'yt_dlp'}", do="pip install 'affectloom[acquire]'"
    )
