"""What a recording is, as its file says, before anything is decoded in full."""

from typing import Literal

from schemas.record import Record

Form = Literal["video", "audio", "image", "text"]


class PictureStream(Record):
    """The first video stream that is not a cover picture. Width and height as shown, after rotation."""

    codec: str
    width: int
    height: int
    rate_fps: float | None
    rotation_deg: int = 0


class SoundStream(Record):
    """The first audio stream."""

    codec: str
    rate_hz: int
    channels: int


class Facts(Record):
    """Form, streams and length. `duration_s` is None for a picture and a text: they have no length."""

    form: Form
    container: str | None = None
    duration_s: float | None = None
    """As the container declares it; `watched` says what could really be decoded."""
    picture: PictureStream | None = None
    sound: SoundStream | None = None
    subtitles: bool = False
    """The container holds a subtitle track."""


class Watched(Record):
    """What the decode pass found. Times in seconds on the recording's clock.

    The clock starts where the container's first stream starts.
    """

    duration_s: float | None
    """End of the last decoded frame or sample; None for a picture and a text."""
    frames: int = 0
    frame_start_s: float | None = None
    frame_end_s: float | None = None
    sound_spans: tuple[tuple[float, float], ...] = ()
    """Where there is sound; the audio file is silent elsewhere, and tracks are not valid there."""
    defects: tuple[str, ...] = ()
    """What a reader should know: `declares 4.0 s, 2.1 s could be decoded`."""
