"""Where a recording comes from and under what terms."""

from pydantic import Field

from schemas.record import Record

Scalar = str | int | float | bool | None


class Source(Record):
    """One row of the table of sources, resolved. Kept as `source.json` in the recording's folder."""

    id: str
    uri: str | None
    """Absolute path or http(s) URL of the media; None for a text."""
    sha256: str
    """Of the media's bytes, or of the text's UTF-8 bytes for a text alone."""
    bytes: int = 0
    stamp: str = ""
    """What tells cheaply that the media has not changed: size and modification time, or ETag."""
    text: str | None = None
    """Text that came with the source: the text of an image+text or text recording, or a known transcript."""
    subtitles_uri: str | None = None
    subtitles_sha256: str | None = None
    licence: str | None = None
    consent: str | None = None
    language: str | None = None
    speaker: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    extra: dict[str, Scalar] = Field(default_factory=dict)
    """Further columns of the table, kept as they are."""
