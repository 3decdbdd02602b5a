"""What a recording is: form, streams, length, as ffmpeg reads them from the file's head."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pipelines.acquiring.sniff import not_media
from pipelines.watching.ffmpeg import Limits, listing, plain
from schemas.errors import DecodeError, TooLong
from schemas.facts import Facts, PictureStream, SoundStream
from schemas.step import Needs, Recording, Step

_STREAM = re.compile(
    r"^  Stream #0:\d+(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (Video|Audio|Subtitle|Data|Attachment): (.*)$"
)
_SIZE = re.compile(r", (\d+)x(\d+)(?=[ ,\[]|$)")
_ASPECT = re.compile(r"\bSAR (\d+):(\d+)")
_RATE = re.compile(r", (\d+(?:\.\d+)?)(k?) fps")
_TURN = re.compile(r"(?:displaymatrix|Display Matrix): rotation of (-?\d+(?:\.\d+)?) degrees", re.IGNORECASE)
_SOUND = re.compile(r", (\d+) Hz, ([^,]+)")
_DURATION = re.compile(r"^  Duration: (\d+):(\d+):(\d+(?:\.\d+)?)(?![\d.])", re.MULTILINE)
_GUESSED = "Estimating duration from bitrate"
_SHOWN = re.compile(r"n:\s*\d+ .*? sar:(\d+)/(\d+) s:(\d+)x(\d+) ")
_LAYOUTS = {"mono": 1, "stereo": 2, "downmix": 2, "binaural": 2, "quad": 4, "hexagonal": 6, "octagonal": 8, "cube": 8}
_QUARTER, _HALF = 90, 180


class Probe(Step):
    """Reads a recording's facts. The limits keep out what would take a machine down; they change no fact."""

    key: ClassVar[str] = "probe.v1"
    reads: ClassVar[tuple[str, ...]] = ("media",)

    max_hours: Annotated[float, Field(gt=0)] = 12
    max_megapixels: Annotated[float, Field(gt=0)] = 150
    max_streams: Annotated[int, Field(gt=0)] = 100
    max_mb: Annotated[int, Field(gt=0)] = 20_000

    @property
    def makes(self) -> tuple[str, ...]:
        """`facts`: a schemas.facts.Facts."""
        return ("facts",)

    @property
    def needs(self) -> Needs:
        """A few small children."""
        return Needs(memory_mb=300, batch=16)

    def identity(self) -> dict[str, object]:
        """The key alone: a limit decides whether there are facts, not what they are."""
        return {"key": self.key, "weights": {}}

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Raises DecodeError with the reason, TooLong where a limit is exceeded."""
        for recording in recordings:
            if recording.source.uri is None:
                if not (recording.source.text or "").strip():
                    raise DecodeError("the text is empty", do="write down what it says, or leave the source out")
                recording.write("facts", Facts(form="text"))
                continue
            with recording.local("media") as media:
                recording.write("facts", self._facts(media))

    def _facts(self, media: Path) -> Facts:
        size = media.stat().st_size
        if size > self.max_mb * 1_000_000:
            raise TooLong(f"the file has {size / 1e6:,.0f} MB, allowed are {self.max_mb:,}", do="cut it into parts")
        with media.open("rb") as file:
            not_media(file.read(4096))
        said = listing(media, [], Limits())
        facts, seconds, streams = read_listing(said)
        if streams > self.max_streams:
            raise TooLong(f"the file has {streams} streams, allowed are {self.max_streams}", do="keep the first two")
        if seconds is not None and seconds > self.max_hours * 3600:
            raise TooLong(
                f"the file declares {seconds / 3600:.1f} hours, allowed are {self.max_hours:g}", do="cut it into parts"
            )
        if facts.picture is not None and facts.picture.width * facts.picture.height > self.max_megapixels * 1e6:
            shown = f"{facts.picture.width}x{facts.picture.height}"
            raise TooLong(f"its pictures are {shown}: more than {self.max_megapixels:g} megapixels", do="scale it down")
        return _looked_at(media, facts) if _may_be_still(facts) else facts


def read_listing(said: str) -> tuple[Facts, float | None, int]:
    """Facts, seconds (also where ffmpeg only estimates them), and the number of streams of `ffmpeg -i`.

    Raises DecodeError where the file could not be opened or holds nothing to see or hear.
    """
    container = re.search(r"^Input #0, (.+), from '", said, re.MULTILINE)
    if container is None:
        raise _unreadable(said)
    picture: PictureStream | None = None
    sound: SoundStream | None = None
    subtitles = False
    streams = re.split(r"^(?=  Stream #0:)", said, flags=re.MULTILINE)[1:]
    for text in streams:
        found = _STREAM.match(text.split("\n", 1)[0].rstrip())
        if found is None:
            continue
        kind, line = found.groups()
        if kind == "Video" and picture is None and "(attached pic)" not in line and "(timed thumbnails)" not in line:
            picture = _picture(line, text)
        elif kind == "Audio" and sound is None:
            sound = _sound(line)
        subtitles |= kind == "Subtitle"
    if picture is None and sound is None:
        raise DecodeError(
            "the file holds neither pictures nor sound that can be decoded",
            do="check that it plays; re-encode it with ffmpeg if it does",
        )
    clock = _DURATION.search(said)
    seconds = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else None
    facts = Facts(
        form="video" if picture else "audio",
        container=container[1],
        duration_s=None if _GUESSED in said else seconds,
        picture=picture,
        sound=sound,
        subtitles=subtitles,
    )
    return facts, seconds, len(streams)


def _picture(line: str, text: str) -> PictureStream | None:
    size = _SIZE.search(line)
    if size is None or line.startswith(("none", "unknown")):
        return None
    aspect, turn, rate = _ASPECT.search(line), _TURN.search(text), _RATE.search(line)
    width, height = shown_size(int(size[1]), int(size[2]), *((int(aspect[1]), int(aspect[2])) if aspect else (1, 1)))
    clockwise = round(-float(turn[1])) % 360 if turn else 0
    if clockwise % _HALF == _QUARTER:
        width, height = height, width
    return PictureStream(
        codec=re.split(r"[ ,]", line)[0],
        width=width,
        height=height,
        rate_fps=float(rate[1]) * (1000 if rate[2] else 1) if rate else None,
        rotation_deg=clockwise,
    )


def shown_size(width: int, height: int, aspect: int, of: int) -> tuple[int, int]:
    """Size in square pixels: what is not square is stretched, never shrunk."""
    if aspect <= 0 or of <= 0:
        return width, height
    if aspect >= of:
        return max(1, round(width * aspect / of)), height
    return width, max(1, round(height * of / aspect))


def _sound(line: str) -> SoundStream | None:
    found = _SOUND.search(line)
    if found is None or int(found[1]) == 0 or found[2] == "0 channels" or line.startswith(("none", "unknown")):
        return None
    return SoundStream(codec=re.split(r"[ ,]", line)[0], rate_hz=int(found[1]), channels=channels(found[2]))


def channels(layout: str) -> int:
    """How many channels an ffmpeg layout name has: `5.1(side)` 6, `3 channels (FL+FR+LFE)` 3; 0 where unknown."""
    name = layout.split("(", maxsplit=1)[0].strip()
    if name in _LAYOUTS:
        return _LAYOUTS[name]
    if counted := re.match(r"(\d+) channels", name):
        return int(counted[1])
    return sum(int(part) for part in name.split(".")) if re.fullmatch(r"\d+(\.\d+)+", name) else 0


def _may_be_still(facts: Facts) -> bool:
    names = (facts.container or "").split(",")
    return facts.sound is None and any(n in ("image2", "gif", "apng") or n.endswith("_pipe") for n in names)


def _looked_at(media: Path, facts: Facts) -> Facts:
    """Facts of what may be a still picture, decoded: whether it moves, and its size after the camera's orientation."""
    arguments = ["-map", "0:V:0", "-frames:v", "2", "-vf", "showinfo=checksum=0", "-f", "null", "-"]
    said = listing(media, arguments, Limits())
    frames = _SHOWN.findall(said)
    if not frames or facts.picture is None:
        raise DecodeError(f"the picture cannot be decoded: {_last_line(said)}", do="save it again as PNG or JPEG")
    aspect, of, width, height = (int(number) for number in frames[0])
    shown = shown_size(width, height, aspect, of)
    picture = facts.picture.model_copy(update={"width": shown[0], "height": shown[1]})
    if len(frames) > 1:
        return facts.model_copy(update={"picture": picture})
    still = picture.model_copy(update={"rate_fps": None})
    return facts.model_copy(update={"form": "image", "duration_s": None, "picture": still})


def _unreadable(said: str) -> DecodeError:
    if "moov atom not found" in said:
        return DecodeError(
            "the index (moov) is missing: the file was cut off while being written or downloaded",
            do="get the file again from where it came",
        )
    if "not on whitelist" in said or "not in allowed_segment_extensions" in said:
        return DecodeError(
            "subtitles, a playlist or another format that is not opened as media",
            do="convert it to MP4, WebM, WAV or FLAC",
        )
    return DecodeError(
        f"not media that ffmpeg can read: {_last_line(said)}", do="check that it plays; re-encode it if it does"
    )


def _last_line(said: str) -> str:
    """The last line that tells something."""
    lines = [plain(line) for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "output file" not in line and "Error opening input file" not in line]
    text = telling[-1] if telling else "ffmpeg says nothing"
    return re.sub(r"^(\[[^\]]*\]\s*)+|file:/dev/fd/\d+: ", "", text)
