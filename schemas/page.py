"""What a web page says of a recording."""

from pydantic import Field

from schemas.record import Record


class Chapter(Record):
    """A part that the page names. Seconds from the recording's start."""

    start: float
    end: float
    title: str


class Page(Record):
    """What the page said on the day it was seen. Counts change: they are of that day."""

    url: str
    seen: str
    """The day, UTC: 2026-11-23."""
    site: str
    """yt-dlp's name of it, such as `youtube`."""
    key: str
    """The recording's name there."""
    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    channel: str | None = None
    channel_key: str | None = None
    uploaded: str | None = None
    """The day: 2026-11-23."""
    licence: str | None = None
    """As the page words it."""
    language: str | None = None
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    age_limit: int | None = None
    chapters: tuple[Chapter, ...] = ()
    subtitles: str | None = None
    """Which were taken: `made en`, `automatic en-US`, `chapters`."""
    section: tuple[float, float | None] | None = None
    """From when to when it was taken, in seconds of the whole."""
    format: str | None = None
    """yt-dlp's name of the formats taken."""
    thumbnail_sha256: str | None = None

    def fields(self) -> dict[str, str | int | None]:
        """What is published of it, as further columns; lists are joined by `, `."""
        told: dict[str, str | int | None] = {
            "site": self.site,
            "title": self.title,
            "description": self.description,
            "tags": ", ".join(self.tags) or None,
            "categories": ", ".join(self.categories) or None,
            "channel": self.channel,
            "channel_key": self.channel_key,
            "uploaded": self.uploaded,
            "views": self.views,
            "likes": self.likes,
            "seen": self.seen,
            "attribution": ", ".join(part for part in (self.title, self.channel, self.url) if part),
            "subtitles_kind": self.subtitles,
        }
        return {name: given for name, given in told.items() if given is not None}


class Listed(Record):
    """One entry of a playlist, channel or search."""

    id: str
    """Of the recording in the store."""
    url: str
    title: str | None = None
    gone: bool = False
    """A later look did not find it any more."""


class Listing(Record):
    """What a playlist, channel or search held. It only grows, so that a dataset made from it can be made again."""

    uri: str
    seen: str
    entries: tuple[Listed, ...] = Field(default=())
    cut: bool = False
    """There were more than the recipe takes."""
