"""How sources are fetched from the web: where from, how fast, how much, and what of a page."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SubtitleChoice = Literal["made", "automatic", "chapters"]


class Web(BaseModel):
    """What is taken of a page that yt-dlp reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: Annotated[int, Field(gt=0)] | None = 720
    """The tallest picture taken; null takes the best there is."""
    audio_only: bool = False
    container: Literal["any", "mp4", "webm", "m4a"] = "any"
    """Formats in this container first, where the page offers them. Nothing is re-encoded."""
    subtitles: tuple[SubtitleChoice, ...] = ("made", "automatic")
    """What becomes the recording's subtitles: the first of these that the page has."""
    languages: tuple[str, ...] = ("en",)
    """Of the subtitles, in order of preference: `en` takes `en-GB` too."""
    thumbnail: bool = False
    most: Annotated[int, Field(gt=0)] = 10_000
    """Entries taken of a playlist, channel or search."""


class Acquire(BaseModel):
    """How sources are fetched."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    private_addresses: bool | tuple[str, ...] = False
    """Whether http(s) sources may be on loopback, private or link-local addresses: all of them, or these hosts."""
    max_mb: Annotated[int, Field(gt=0)] = 20_000
    """A larger source is a failure, not a download."""
    timeout_s: Annotated[float, Field(gt=0)] = 60
    """Seconds without a byte after which a download is given up."""
    max_minutes: Annotated[float, Field(gt=0)] = 240
    """Minutes that one request may take in all."""
    delay_s: Annotated[float, Field(ge=0)] = 0.5
    """Seconds between two requests to one host, at least, over all workers."""
    jitter: Annotated[float, Field(ge=0, le=10)] = 0.5
    """The delay is lengthened by a random part of itself, up to this."""
    tries: Annotated[int, Field(ge=1, le=20)] = 4
    """How often a request is made before what can be mended by waiting is a failure."""
    backoff_s: Annotated[float, Field(ge=0)] = 1.0
    """Seconds before the second try; twice as many before each further one."""
    longest_wait_s: Annotated[float, Field(ge=0)] = 120
    """A host that asks for a longer wait is left alone: the recordings fail, and a later run tries them again."""
    requests_a_day: Annotated[int, Field(gt=0)] | None = None
    """To one host, by UTC days, over all workers."""
    mb_a_day: Annotated[int, Field(gt=0)] | None = None
    """From all hosts together, by UTC days, over all workers."""
    web: Web = Web()
