"""The piece of a recording that a sample covers, as a file of its own: FLAC for sound, MP4 for pictures with sound."""

import io
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.watching.blurred import Part, blurred
from pipelines.watching.ffmpeg import Limits, plain, run
from schemas.clock import MICROSECONDS_PER_SECOND, to_us
from schemas.errors import DecodeError, TooLong

if TYPE_CHECKING:
    import soundfile

_PICTURES = re.compile(r"^frame=\s*(\d+)", re.MULTILINE)
_PROGRESS = re.compile(r"\w+=.*")
_LOUDEST = 2**15 - 1
_LEAD_S = 10
"""Decoding starts so long before the cut: a container whose index is coarse may seek too far by seconds."""


def sample_range(start_s: float, end_s: float, rate_hz: int) -> tuple[int, int]:
    """The samples whose times n / rate lie in `[start, end)`: first and one past the last.

    Neighbouring segments share no sample and leave none out.
    """
    first, last = (-(-to_us(at) * rate_hz // MICROSECONDS_PER_SECOND) for at in (start_s, end_s))
    return first, last


def cut_sound(
    sound: "soundfile.SoundFile",
    start_s: float,
    end_s: float,
    *,
    change: Callable[["soundfile.SoundFile", int, int], NDArray[np.float64]] | None = None,
) -> bytes | None:
    """`[start, end)` of an open sound file as 16-bit FLAC; None where the file has no sample there.

    change: gives the samples from the first to before the last in the place of those of the file, in [-1, 1].
    """
    import soundfile

    first, last = sample_range(start_s, end_s, sound.samplerate)
    last = min(last, sound.frames)
    if first >= last:
        return None
    if change is None:
        sound.seek(first)
        samples = sound.read(last - first, dtype="int16")
    else:
        samples = np.round(change(sound, first, last) * _LOUDEST).astype(np.int16)
    sink = io.BytesIO()
    soundfile.write(sink, samples, sound.samplerate, format="FLAC", subtype="PCM_16")
    return sink.getvalue()


def cut_video(
    media: Path,
    start_s: float,
    end_s: float,
    *,
    sound: bool | bytes,
    blur: Sequence[Part] = (),
    timeout_s: float = 600,
) -> bytes:
    """`[start, end)` of a video as MP4 (H.264, AAC), re-encoded; the same input gives the same bytes.

    Pictures and sound come from one decode and keep their distance. The picture that is on the screen at `start`
    opens the clip; every later one is at its own presentation time, whatever the frame rate.

    Args:
        media: a local file.
        start_s: where the clip begins, in seconds on the recording's clock, which starts where the
            container's first stream starts.
        end_s: where it ends; not included.
        sound: whether the media has a sound stream; or a file of sound that takes its place, from the clip's start on.
        blur: what is blurred, on the clip's clock.
        timeout_s: seconds after which the child is ended.

    Raises:
        DecodeError: nothing could be decoded there.
        TooLong: `timeout_s` have passed.
        MissingPart: there is no ffmpeg.
    """
    heard = "[1:a:0]anull[a]" if isinstance(sound, bytes) else _sound(start_s, end_s)
    graph = _pictures(start_s, end_s, blur) + (f";{heard}" if sound else "")
    outputs = ["-map", "[v]", *(["-map", "[a]", "-c:a", "aac", "-b:a", "128k"] if sound else [])]
    with tempfile.TemporaryDirectory() as folder:
        out, other = Path(folder) / "clip.mp4", Path(folder) / "sound"
        if isinstance(sound, bytes):
            other.write_bytes(sound)
        _write(
            media,
            ["-ss", f"{max(0.0, start_s - _LEAD_S):.6f}", "-copyts", "-start_at_zero"],
            [
                *(["-i", f"file:{other}"] if isinstance(sound, bytes) else []),
                *("-filter_complex_threads", "1", "-filter_complex", graph, *outputs),
                *("-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", "90000"),
                # Edit lists count in the timescale of the movie, which is a millisecond unless said.
                *("-movie_timescale", "90000"),
                *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0", "-threads", "1"),
                *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"),
                *("-flags:v", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart", str(out)),
            ],
            timeout_s,
            f"{media.name} from {start_s:g} s to {end_s:g} s",
        )
        return out.read_bytes()


def cut_media_sound(media: Path, start_s: float, end_s: float, *, timeout_s: float = 600) -> bytes:
    """`[start, end)` of the sound of any media as FLAC, 16 bits, at its own rate, mono or stereo.

    Times as in `cut_video`. For listeners: `cut_sound` gives what was measured.

    Raises:
        DecodeError: there is no sound that could be decoded.
        TooLong: `timeout_s` have passed.
        MissingPart: there is no ffmpeg.
    """
    what = f"the sound of {media.name} from {start_s:g} s to {end_s:g} s"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.flac"
        try:
            code, text = run(
                media,
                ["-ss", f"{max(0.0, start_s - _LEAD_S):.6f}", "-copyts", "-start_at_zero"],
                [
                    *("-filter_complex_threads", "1", "-filter_complex", _sound(start_s, end_s), "-map", "[a]"),
                    *("-c:a", "flac", "-sample_fmt", "s16", "-map_metadata", "-1"),
                    *("-fflags", "+bitexact", "-flags:a", "+bitexact", str(out)),
                ],
                Limits(cpu_s=int(timeout_s), stall_s=timeout_s),
            )
        except TooLong as error:
            raise TooLong(f"cutting {what} took more than {timeout_s:g} s") from error
        if code or not out.exists():
            complaints = [plain(line) for line in text.splitlines() if line.strip()]
            raise DecodeError(f"{what} cannot be cut: {complaints[0] if complaints else code}")
        return out.read_bytes()


def _pictures(start_s: float, end_s: float, blur: Sequence[Part]) -> str:
    # `V` passes over cover pictures. `tmix` with the weights 1 0 gives each picture the time of the next one, that
    # is, the end of its stay on the screen; so the picture shown at `start` can be told from those that were gone by
    # then. `setpts` puts back each picture's own time and marks with -1 those that ended before `start`.
    start, end = to_us(start_s), to_us(end_s)
    return (
        f"[0:V:0]settb=1/{MICROSECONDS_PER_SECOND},tpad=stop=1:stop_mode=clone,tmix=frames=2:weights=1 0,"
        f"setpts='if(gt(PTS,{start}),max(0,if(eq(N,0),PTS,PREV_INPTS)-{start}),-1)',"
        "select='gte(pts,0)*(isnan(prev_selected_pts)+gt(pts,prev_selected_pts))',"
        f"trim=end_pts={end - start},"
        f"crop=trunc(iw/2)*2:trunc(ih/2)*2,{blurred(blur) + ',' if blur else ''}format=yuv420p[v]"
    )


def _sound(start_s: float, end_s: float) -> str:
    return (
        f"[0:a:0]atrim=start={start_s:.6f}:end={end_s:.6f},asetpts=round(PTS-{start_s:.6f}/TB),"
        "aresample=async=1:first_pts=0[a]"
    )


def picture_file(media: Path, timeout_s: float = 60, *, blur: Sequence[Part] = ()) -> bytes:
    """A picture as PNG, without what the camera wrote beside it. blur: what is blurred. Raises as `cut_video`."""
    shown = ["-map", "0:v:0"]
    if blur:
        shown = ["-filter_complex_threads", "1", "-filter_complex", f"[0:v:0]{blurred(blur)}[v]", "-map", "[v]"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "picture.png"
        _write(
            media,
            [],
            [
                *(*shown, "-frames:v", "1", "-map_metadata", "-1"),
                *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-threads", "1", "-pix_fmt", "rgb24", str(out)),
            ],
            timeout_s,
            media.name,
        )
        return out.read_bytes()


def _write(media: Path, before: list[str], arguments: list[str], timeout_s: float, what: str) -> None:
    limits = Limits(cpu_s=int(timeout_s), stall_s=timeout_s)
    # Progress is the one place where ffmpeg says how many pictures it wrote: none is no error to it.
    said = ["-nostats", "-stats_period", "10", "-progress", "pipe:2"]
    try:
        code, text = run(media, [*said, *before], arguments, limits)
    except TooLong as error:
        raise TooLong(f"cutting {what} took more than {timeout_s:g} s") from error
    pictures = _PICTURES.findall(text)
    complaints = [plain(line) for line in text.splitlines() if line.strip() and not _PROGRESS.fullmatch(line)]
    if not pictures or not int(pictures[-1]):
        detail = complaints[0] if complaints else f"ffmpeg ended with {code}"
        raise DecodeError(f"{what} shows no picture" + (f": {detail}" if code else ""))
    if code:
        raise DecodeError(f"{what} cannot be cut: {complaints[0] if complaints else code}")
