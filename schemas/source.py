"""Where a recording comes from and under what terms."""

from pydantic import Field

from schemas.page import Page
from schemas.record import Record
from schemas.rights import Rights
from schemas.transcript import Seconds

Scalar = str | int | float | bool | None
TERMS = ("licence", "consent", "basis", "attribution")
"""What says under which terms a recording may be used, and whom it is owed to; the last two are further columns."""


class Utterance(Record):
    """One row of a table of utterances: when something is said in a recording, and what is known of it.

    The end may lie before the start: tables hold such rows, and what cuts the recording says so.
    """

    start: Seconds
    end: Seconds
    name: str | None = None
    """What the table calls it; answers may name it so."""
    text: str | None = None
    speaker: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    extra: dict[str, str] = Field(default_factory=dict)
    """Further columns of the table, as they are written."""


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
    learnt: dict[str, str] = Field(default_factory=dict)
    """Where each of `TERMS` that is known was learnt: the name of a table, or the page and the day."""
    utterances: tuple[Utterance, ...] = ()
    """Rows of the table that `segment` names, in the order of their start."""
    before: tuple[str, ...] = ()
    """The recordings before it in its dialogue, where each is one utterance and the recipe asks for context."""


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
