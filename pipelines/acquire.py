"""Bringing one source into the store: its hash, its terms, and a copy of what came from the network."""

import hashlib
from pathlib import Path

from pipelines.fetch.http import check_size, fetch
from pipelines.recording import StoredRecording
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong
from schemas.source import Source, SourceRow, Told

_SUBTITLES_MAX_BYTES = 20 << 20


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
        check_size(uri, size, how)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), size
    if before is not None and recording.has_copy(kind):
        if kind == "media" and before.uri == uri:
            return before.sha256, before.bytes
        if kind == "subtitles" and before.subtitles_uri == uri and before.subtitles_sha256 is not None:
            return before.subtitles_sha256, 0
    with recording.workspace() as folder:
        copy = folder / kind
        sha256, size = fetch(uri, copy, how, recording.pace)
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
