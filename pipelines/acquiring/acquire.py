"""Bringing one source into the store: its hash, its terms, and a copy of what came from the network."""

import hashlib
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipelines.acquiring.rights import NotPermitted, share
from pipelines.fetch.addresses import PROXY, plain, shown
from pipelines.fetch.cells import cell_mark, fetch_cell, is_cell
from pipelines.fetch.http import check_size, fetch
from pipelines.fetch.objects import fetch_object, is_object
from pipelines.fetch.pages import COOKIES, fetch_page, is_list, is_page
from pipelines.lineage import digest
from pipelines.recording import StoredRecording
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong
from schemas.failure import Failure
from schemas.source import Source, SourceRow, Told

_SUBTITLES_MAX_BYTES = 20 << 20
_LIMITS = {"private_addresses", "max_mb", "max_minutes"}
"""Of how sources are fetched, what may make a yes of a no."""


def acquire(row: SourceRow, recording: StoredRecording, how: Acquire) -> bool:
    """Make `source.json` what the row and the media say. False where it was so already.

    Raises SourceUnavailable, TooLong, NotPermitted or TakenDown.
    """
    recording.check_not_taken_down()
    before = recording.source if recording.acquired else None
    _check_terms(row, before.page.licence if before is not None and before.page is not None else None)
    if before is not None and before.stamp == stamp(row) and before == describe(row, before):
        if recording.source_failure is not None:
            recording.write_source(before)
        return False
    source = describe(row, _measure(row, recording, how, before))
    recording.write_source(source)
    return True


def asked(row: SourceRow, how: Acquire) -> str:
    """A digest of all that a source's answer hangs on, as far as it is known here. Empty where it cannot be told."""
    try:
        # The addresses as they are: another password may be told yes.
        parts: list[object] = [
            stamp(row),
            row.uri,
            row.subtitles_uri,
            row.licence,
            row.consent,
            how.model_dump(mode="json", include=_LIMITS),
        ]
    except SourceUnavailable:
        return ""
    parts.append(row.rights.model_dump(mode="json") if row.rights is not None else None)
    parts.append(bool(os.environ.get(PROXY)))
    if is_page(row.uri):  # who logs in since, or has a newer yt-dlp, may be told yes
        jar = os.environ.get(COOKIES)
        with suppress(OSError):
            parts.append([found.st_size, found.st_mtime_ns] if jar and (found := Path(jar).stat()) else None)
        with suppress(PackageNotFoundError):
            parts.append(version("yt-dlp"))
    return digest(parts)


def refused_before(row: SourceRow, recording: StoredRecording, how: Acquire) -> Failure | None:
    """The no that the source said for good when it was asked for the same thing; None where it is to be asked."""
    failure = recording.source_failure
    return failure if failure is not None and failure.asked and failure.asked == asked(row, how) else None


def is_current(row: SourceRow, recording: StoredRecording) -> bool:
    """Whether the source is in the store as the row describes it, judged without reading the media."""
    if not recording.acquired:
        return False
    before = recording.source
    if row.rights is not None:
        try:
            _check_terms(row, before.licence)
        except NotPermitted:
            return False
        if recording.source_failure is not None:
            return False
    try:
        return before.stamp == stamp(row) and before == describe(row, before)
    except SourceUnavailable:
        return False


def _check_terms(row: SourceRow, licence: str | None, *, of_page: bool = False) -> None:
    """Raise NotPermitted where the recipe does not accept the source's terms, as far as they are known.

    licence: what the page says; the table's word goes before.
    """
    if row.rights is None:
        return
    if row.licence is None and licence is None and is_page(row.uri) and not of_page:
        share(next(iter(row.rights.accept), None), row.consent, row.rights)  # the page will say which
        return
    share(row.licence or licence, row.consent, row.rights)


def describe(row: SourceRow, measured: Source) -> Source:
    """The row's words over what the page says over what was measured of the media; credentials in addresses go."""
    told: dict[str, Any] = {name: getattr(row, name) for name in Told.model_fields}
    for name in ("uri", "subtitles_uri"):
        told[name] = shown(told[name]) if told[name] is not None else None
    page = measured.page
    if page is not None:
        told["licence"] = row.licence or page.licence
        told["extra"] = {**page.fields(), **row.extra}
        there = f"{plain(page.url)} on {page.seen}"
        if row.licence is None and page.licence is not None:
            told["extra"] = {"licence_from": there, **told["extra"]}
        given = {"licence": told["licence"], "attribution": told["extra"].get("attribution")}
        told["learnt"] = {**{term: there for term, value in given.items() if value}, **row.learnt}
        if row.subtitles_uri is None and page.subtitles is not None:
            told["subtitles_uri"] = f"{told['uri']}#subtitles"
    return measured.model_copy(update=told)


def stamp(row: SourceRow) -> str:
    """What tells cheaply whether the media or the subtitles have changed. Raises SourceUnavailable."""
    parts = []
    for uri in (row.uri, row.subtitles_uri):
        if uri is None:
            parts.append("")
        elif is_cell(uri):
            parts.append(f"{uri} {cell_mark(uri)}")
        elif is_remote(uri):
            parts.append(shown(uri))
        else:
            found = _existing(uri).stat()
            parts.append(f"{found.st_size}:{found.st_mtime_ns}")
    text = row.text if row.uri is None else None
    if text is not None:
        parts.append(hashlib.sha256(text.encode()).hexdigest())
    return "|".join((*parts, *([row.choice] if row.choice else [])))


def _measure(row: SourceRow, recording: StoredRecording, how: Acquire, before: Source | None) -> Source:
    mark = stamp(row)
    if is_list(row.uri):
        raise SourceUnavailable(
            f"{row.uri} has not been listed", do="run the same command again: a build asks for it", retry=True
        )
    if is_page(row.uri):
        return _page(row, recording, how, before, mark)
    subtitles = None
    if row.subtitles_uri is not None:
        subtitles, size = _file(row.subtitles_uri, "subtitles", recording, how, before)
        _check_subtitles(row.subtitles_uri, size)
    if row.uri is None:
        data = (row.text or "").encode()
        sha256, size = hashlib.sha256(data).hexdigest(), len(data)
    else:
        sha256, size = _file(row.uri, "media", recording, how, before)
    return Source(id=row.id, sha256=sha256, bytes=size, stamp=mark, subtitles_sha256=subtitles)


def _page(row: SourceRow, recording: StoredRecording, how: Acquire, before: Source | None, mark: str) -> Source:
    """What yt-dlp fetches, with its subtitles and what the page says; the table's own subtitles go before."""
    if before is not None and before.stamp == mark and recording.has_copy("media"):
        return before
    given, size = None, 0
    if row.subtitles_uri is not None:
        given, size = _file(row.subtitles_uri, "subtitles", recording, how, before)
        _check_subtitles(row.subtitles_uri, size)
    with recording.workspace() as folder:
        found = fetch_page(
            row.uri or "",
            folder,
            how,
            recording.pace,
            accept=lambda licence: _check_terms(row, licence, of_page=True),
        )
        page = found.page
        sha256, size = _sha256(found.media), found.media.stat().st_size
        recording.check_not_taken_down(sha256)
        if found.thumbnail is not None:
            page = page.model_copy(update={"thumbnail_sha256": _sha256(found.thumbnail)})
            recording.place_copy("thumbnail", found.thumbnail, page.thumbnail_sha256 or "")
        if found.subtitles is not None and given is None:
            _check_subtitles(row.uri or "", found.subtitles.stat().st_size)
            given = _sha256(found.subtitles)
            recording.place_copy("subtitles", found.subtitles, given)
        recording.place_copy("media", found.media, sha256)
    return Source(id=row.id, sha256=sha256, bytes=size, stamp=mark, subtitles_sha256=given, page=page)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_subtitles(uri: str, size: int) -> None:
    if size > _SUBTITLES_MAX_BYTES:
        raise TooLong(f"{plain(uri)} has {size:,} bytes: too much for subtitles", do="check the column")


def _file(uri: str, kind: str, recording: StoredRecording, how: Acquire, before: Source | None) -> tuple[str, int]:
    """SHA-256 and size of a file of the source. What comes from the network is fetched once and kept."""
    if not is_remote(uri):
        path = _existing(uri)
        size = path.stat().st_size
        check_size(uri, size, how)
        try:
            sha256 = _sha256(path)
        except OSError as error:
            raise SourceUnavailable(f"{uri} cannot be read: {error.strerror}", do="copy it anew", retry=True) from error
        recording.check_not_taken_down(sha256)
        return sha256, size
    kept = before is not None and recording.has_copy(kind)
    if kept and is_cell(uri) and before is not None and not before.stamp.startswith(f"{uri} {cell_mark(uri)}"):
        kept = False  # the table has been written anew
    if before is not None and kept:
        if kind == "media" and before.uri == shown(uri):
            return before.sha256, before.bytes
        if kind == "subtitles" and before.subtitles_uri == shown(uri) and before.subtitles_sha256 is not None:
            return before.subtitles_sha256, 0
    with recording.workspace() as folder:
        copy = folder / kind
        get = fetch_cell if is_cell(uri) else fetch_object if is_object(uri) else fetch
        sha256, size = get(uri, copy, how, recording.pace)
        recording.check_not_taken_down(sha256)
        recording.place_copy(kind, copy, sha256)
    return sha256, size


def is_remote(uri: str) -> bool:
    """Whether it comes from the network."""
    return "://" in uri or is_page(uri) or is_list(uri)


def _existing(uri: str) -> Path:
    path = Path(uri)
    try:
        is_there = path.exists()
    except OSError as error:  # a name too long, a circle of links
        raise SourceUnavailable(f"{uri[:200]} cannot be a file: {error.strerror}", do="correct the table") from error
    if not is_there:
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
