"""Recordings from pages that yt-dlp reads. `yt-dlp:https://...` names a recording, `yt-dlp-list:...` a list of them.

yt-dlp finds the media and fetches it. What it may not do here: reach the network except through our gate, run ffmpeg,
choose file names, read its own configuration, keep cookies.
"""

import datetime as dt
import os
import re
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipelines.fetch import refusals
from pipelines.fetch.addresses import check, plain, shown
from pipelines.fetch.gate import Gate
from pipelines.fetch.http import check_size, fetch
from pipelines.fetch.loader import Loader, loader
from pipelines.fetch.muxed import cut, joined
from pipelines.fetch.pace import Pace, backoff
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong
from schemas.page import Chapter, Page

PAGE = "yt-dlp:"
LIST = "yt-dlp-list:"
COOKIES = "AFFECTLOOM_COOKIES"
_TEXT_CHARS = 5000
_MOST_TAGS = 500
_SUBTITLE_ENDINGS = ("vtt", "srt", "ass", "ssa")
_PICTURE_MB = 20
_CLOCK = re.compile(r"(?:npt:)?(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")

T = TypeVar("T")


@dataclass(frozen=True)
class Fetched:
    """What came of a page: files in the folder that was given, and what the page says."""

    media: Path
    page: Page
    subtitles: Path | None = None
    thumbnail: Path | None = None


def is_page(uri: str | None) -> bool:
    """Whether yt-dlp fetches it."""
    return uri is not None and uri.startswith(PAGE)


def is_list(uri: str | None) -> bool:
    """Whether it stands for several recordings."""
    return uri is not None and uri.startswith(LIST)


def section_of(url: str) -> tuple[str, tuple[float, float | None] | None]:
    """The address without `#t=1:30,2:10`, and what that says in seconds (W3C Media Fragments, 4.2.1).

    Raises SourceUnavailable where it ends before it begins.
    """
    base, _, fragment = url.partition("#")
    told = urllib.parse.parse_qs(fragment).get("t")
    if not told:
        return url, None
    start, _, end = told[-1].partition(",")
    times = [_seconds(text) if text else None for text in (start, end)]
    if (start and times[0] is None) or (end and times[1] is None) or (times[1] or 1e9) <= (times[0] or 0):
        raise SourceUnavailable(f"{plain(url)}: the section {told[-1]!r} makes no sense", do="write #t=1:30,2:10")
    return base, (times[0] or 0.0, times[1])


def _seconds(text: str) -> float | None:
    found = _CLOCK.fullmatch(text)
    return int(found[1] or 0) * 3600 + int(found[2] or 0) * 60 + float(found[3]) if found else None


def fetch_page(
    uri: str, folder: Path, how: Acquire, pace: Pace, *, accept: Callable[[str | None], None] | None = None
) -> Fetched:
    """Fetch the recording of a page into a folder.

    accept: is shown the page's licence before the media is asked for, and raises where that is not wanted.

    Raises SourceUnavailable, as one of pipelines.fetch.refusals where the reason is known; TooLong; MissingPart.
    """
    url, section = section_of(uri.removeprefix(PAGE))
    return trying(url, how, pace, lambda: _once(url, section, folder=folder, how=how, pace=pace, accept=accept))


def _once(
    url: str,
    section: tuple[float, float | None] | None,
    *,
    folder: Path,
    how: Acquire,
    pace: Pace,
    accept: Callable[[str | None], None] | None,
) -> Fetched:
    with loading(url, folder, how, pace, _choice(how)) as (ydl, gate):
        info = _single(url, ydl.extract(url))
        _not_live(url, info)
        if accept is not None:
            accept(_text(info.get("license")))
        page = _page_of(url, info, section)
        media = folder / "section"
        if section is None:
            media = _whole(url, ydl, info, folder, how)
        else:
            cut(_parts(info), section, media, proxy=gate.url, how=how)
            check_size(url, media.stat().st_size, how)
        subtitles, kind = _subtitles(ydl, info, page, folder, how) if section is None else (None, None)
    thumbnail = _thumbnail(info, folder, how, pace) if how.web.thumbnail else None
    return Fetched(media, page.model_copy(update={"subtitles": kind}), subtitles, thumbnail)


def _whole(url: str, ydl: Loader, info: dict[str, Any], folder: Path, how: Acquire) -> Path:
    """What yt-dlp chose, as one file."""
    files = []
    for number, part in enumerate(_parts(info)):
        file = folder / f"part{number}"
        ydl.download(file, {**info, **part, "requested_formats": None})
        check_size(url, file.stat().st_size, how)
        files.append(file)
    return joined(files, folder) if len(files) > 1 else files[0]


def _parts(info: dict[str, Any]) -> list[dict[str, Any]]:
    """Picture and then sound where they come apart, else the one file."""
    return list(info.get("requested_formats") or [info])


def trying(url: str, how: Acquire, pace: Pace, act: Callable[[], T]) -> T:
    """Act, and again where waiting can mend it: as long as the site asks, else longer each time."""
    for attempt in range(1, how.tries + 1):
        try:
            return act()
        except SourceUnavailable as error:
            host = refusals.crowded(error)
            wait_s = backoff(attempt, how)
            if host is not None:
                wait_s = host.wait_s if host.wait_s is not None else wait_s
                pace.hold(host.host, wait_s)  # whoever asks it next waits
            if not error.retry or attempt == how.tries or wait_s > how.longest_wait_s:
                raise
            if isinstance(error, refusals.Live):
                raise
            if host is None:
                time.sleep(wait_s)
    raise AssertionError(url)  # pragma: no cover - `tries` is at least 1


@contextmanager
def loading(
    url: str, folder: Path, how: Acquire, pace: Pace, options: Mapping[str, object]
) -> Iterator[tuple[Loader, Gate]]:
    """A yt-dlp behind a gate, and the gate. Its errors become ours."""
    check_here(url, how)
    # The cookies never lie in the store, not even where we are killed.
    with Gate(how, pace) as gate, tempfile.TemporaryDirectory(prefix="affectloom-") as private:
        try:
            with loader(folder, gate.url, how, _cookies(Path(private)), options) as ydl:
                yield ydl, gate
        except refusals.NotFetched as error:
            raise (gate.refused[0] if gate.refused else error) from error
        except Loader.errors() as error:
            disk = refusals.of_disk(error)
            if disk is not None:
                raise disk from error
            if gate.refused:
                raise gate.refused[0] from error
            raise refusals.refusal(plain(url), error) from error


def check_here(url: str, how: Acquire) -> None:
    """Refuse a forbidden address before anything is started for it. Searches (`ytsearch5:...`) have none."""
    if "://" in url:
        check(url, how)


def _cookies(folder: Path) -> Path | None:
    """A copy of the cookie file that the environment names: yt-dlp writes what it learns into the file it is given."""
    given = os.environ.get(COOKIES)
    if not given:
        return None
    try:
        copy = folder / "cookies"
        shutil.copyfile(given, copy)
        copy.chmod(0o600)
    except OSError as error:
        raise SourceUnavailable(
            f"the cookie file that ${COOKIES} names cannot be read: {error.strerror}", do="correct the variable"
        ) from error
    return copy


def _choice(how: Acquire) -> dict[str, object]:
    """Which formats: yt-dlp's selection and order."""
    web = how.web
    order = [f"res:{web.height}"] if web.height else []
    order += {"any": [], "mp4": ["ext:mp4:m4a"], "webm": ["ext:webm:webm"], "m4a": ["aext:m4a"]}[web.container]
    return {"format": "ba/b" if web.audio_only else "bv*+ba/b", "format_sort": order}


def _single(url: str, info: dict[str, Any]) -> dict[str, Any]:
    if info.get("_type") != "playlist":
        return info
    entries = [entry for entry in info.get("entries") or [] if entry]
    if len(entries) == 1 and (info.get("playlist_count") or 1) == 1:
        return dict(entries[0])
    raise refusals.NoRecording(
        f"{plain(url)} is a list of recordings" if entries else f"{plain(url)} is a list without entries",
        do="write `yt-dlp-list:` before the address",
    )


def _not_live(url: str, info: Mapping[str, Any]) -> None:
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise refusals.Live(
            f"{plain(url)} is live, or has not begun", do="run the same command again when it is over", retry=True
        )


def _page_of(url: str, info: Mapping[str, Any], section: tuple[float, float | None] | None) -> Page:
    day = str(info.get("upload_date") or "")
    return Page(
        url=shown(str(info.get("webpage_url") or url)),
        seen=today(),
        site=str(info.get("extractor") or "generic").lower(),
        key=str(info.get("id") or ""),
        title=_text(info.get("title")),
        description=_text(info.get("description")),
        tags=_texts(info.get("tags")),
        categories=_texts(info.get("categories")),
        channel=_text(info.get("channel") or info.get("uploader")),
        channel_key=_text(info.get("channel_id") or info.get("uploader_id")),
        uploaded=f"{day[:4]}-{day[4:6]}-{day[6:]}" if re.fullmatch(r"\d{8}", day) else None,
        licence=_text(info.get("license")),
        language=_text(info.get("language")),
        views=_count(info.get("view_count")),
        likes=_count(info.get("like_count")),
        comments=_count(info.get("comment_count")),
        age_limit=_count(info.get("age_limit")),
        chapters=_chapters(info.get("chapters")),
        section=section,
        format=_text(info.get("format_id")),
    )


def today() -> str:
    """The day, UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def _text(value: object) -> str | None:
    """What a stranger wrote: no control characters but line ends, not too long."""
    if not isinstance(value, str):
        return None
    kept = "".join(sign for sign in value[:_TEXT_CHARS] if sign == "\n" or sign.isprintable())
    return kept.strip() or None


def _texts(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    return tuple(text for each in given[:_MOST_TAGS] if (text := _text(each)))


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else None  # noqa: PLR2004


def _chapters(value: object) -> tuple[Chapter, ...]:
    found = []
    for each in (value if isinstance(value, list) else [])[: _MOST_TAGS * 2]:
        start, end = (each.get(name) for name in ("start_time", "end_time"))
        if isinstance(start, int | float) and isinstance(end, int | float) and 0 <= start < end < 1e7:  # noqa: PLR2004
            title = " ".join((_text(each.get("title")) or "").split())
            found.append(Chapter(start=float(start), end=float(end), title=title))
    return tuple(found)


def _subtitles(
    ydl: Loader, info: Mapping[str, Any], page: Page, folder: Path, how: Acquire
) -> tuple[Path | None, str | None]:
    """The first of the wanted subtitles that the page has, and which they are."""
    offered = {"made": info.get("subtitles") or {}, "automatic": info.get("automatic_captions") or {}}
    for kind in how.web.subtitles:
        if kind == "chapters":
            if page.chapters:
                file = folder / "subtitles"
                file.write_text(as_cues(page.chapters), "utf-8")
                return file, kind
            continue
        for language in how.web.languages:
            for tag in sorted(offered[kind], key=lambda tag: (tag != language, tag)):
                if tag != language and not tag.lower().startswith(f"{language.lower()}-"):
                    continue
                forms = [each for each in offered[kind][tag] if each.get("ext") in _SUBTITLE_ENDINGS]
                if not forms:
                    continue
                best = min(forms, key=lambda each: _SUBTITLE_ENDINGS.index(each["ext"]))
                file = folder / "subtitles"
                if best.get("data") is not None:
                    file.write_text(str(best["data"]), "utf-8")
                else:
                    ydl.download(file, {**best, "http_headers": best.get("http_headers") or info.get("http_headers")})
                return file, f"{kind} {tag}"
    return None, None


def as_cues(chapters: tuple[Chapter, ...]) -> str:
    """Chapters as WebVTT."""
    blocks = [
        f"{_clock(each.start)} --> {_clock(each.end)}\n{each.title.replace('-->', '→') or '…'}" for each in chapters
    ]
    return "WEBVTT\n\n" + "\n\n".join(blocks) + "\n"


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"


def _thumbnail(info: Mapping[str, Any], folder: Path, how: Acquire, pace: Pace) -> Path | None:
    url = info.get("thumbnail")
    if not isinstance(url, str):
        return None
    file = folder / "thumbnail"
    try:
        fetch(url, file, how.model_copy(update={"max_mb": min(how.max_mb, _PICTURE_MB), "tries": 1}), pace)
    except (SourceUnavailable, TooLong):
        return None  # a recording without its advertisement is whole
    return file
