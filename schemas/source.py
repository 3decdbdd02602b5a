"""Where a recording comes from and under what terms."""

from pydantic import Field

from schemas.page import Page
from schemas.record import Record
from schemas.rights import Rights

Scalar = str | int | float | bool | None


class Told(Record):
    """What a person says of one source."""

    id: str
    uri: str | None = None
    """Absolute path or http(s) URL of the media; None for a text."""
    text: str | None = None
    """Text that came with the source: the text of an image+text or text recording, or a known transcript."""
    subtitles_uri: str | None = None
    licence: str | None = None
    consent: str | None = None
    language: str | None = None
    speaker: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    extra: dict[str, Scalar] = Field(default_factory=dict)
    """Further columns of the table, kept as they are."""


class SourceRow(Told):
    """One row of the table of sources, before anything is fetched."""

    where: str = ""
    """File and line, for messages."""
    rights: Rights | None = None
    """What the recipe accepts; None where it asks nothing."""
    choice: str = ""
    """A mark of what the recipe takes of a page that yt-dlp reads: another choice fetches anew."""


class Source(Told):
    """A source that is there. Kept as `source.json` in the recording's folder."""

    sha256: str
    """Of the media's bytes, or of the text's UTF-8 bytes for a text alone."""
    bytes: int = 0
    stamp: str = ""
    """What tells cheaply that the media has not changed: size and modification time, or ETag."""
    subtitles_sha256: str | None = None
    page: Page | None = None
    """What the web page said that it was fetched from."""
