"""Marks of a clip's sound and hashes of its pictures, by which a copy of it is known though its bytes are others.

They are those by which copies among recordings are found (see pipelines.sifting). Sound is read here; what only ffmpeg
reads goes through it, with its limits. Pictures are looked at only where the sound does not tell.
"""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from extractors.picture_hashes import hashes_of
from extractors.sound_marks import RATE_HZ, marks
from pipelines.sifting.compare import Looks
from pipelines.watching.ffmpeg import Limits, run
from schemas.errors import RecordingError
from schemas.likeness import PictureHashes, SoundMarks

Bytes = memoryview | bytes
_SECONDS: Final = 120
"""Of a clip, from its start."""
_FPS: Final = 2
_SIDE: Final = 128
_MOST_S: Final = 60.0


def media_looks(name: str, media: Mapping[str, Bytes], digest: int) -> Looks | None:
    """What is heard and seen in one sample; None where that tells nothing.

    Args:
        name: of the sample.
        media: its encoded `audio`, `video` and `image`, those that there are.
        digest: of the bytes: samples with the same one are not compared.
    """
    sound = _marks(_heard(media["audio"])) if "audio" in media else None
    looks = Looks(id=name, sha256=str(digest), length_s=sound.listened_s if sound else 0.0, sound=sound)
    seen = media.get("video", media.get("image"))
    if looks.sounds or seen is None:
        return looks if looks.sounds else None
    found = _watched(seen, is_still="video" not in media, listen="audio" not in media)
    if found is None:
        return None
    pictures, sound = found
    length_s = max(pictures.looked_s, sound.listened_s if sound else 0.0)
    looks = Looks(id=name, sha256=str(digest), length_s=length_s, sound=sound, pictures=pictures)
    return looks if looks.sounds or len(pictures.times) else None


def _heard(data: Bytes) -> Any:
    """int16[n] at 16 kHz; empty where it cannot be read."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate_hz = file.samplerate
            sound = file.read(_SECONDS * rate_hz, dtype="float32", always_2d=True).mean(axis=1)
    except (soundfile.SoundFileError, RuntimeError, ValueError):
        return np.zeros(0, np.int16)
    if rate_hz != RATE_HZ and len(sound):
        # Peaks below 3.4 kHz are all that is listened to: straight lines between samples move none of them.
        times = np.arange(int(len(sound) * RATE_HZ / rate_hz)) * (rate_hz / RATE_HZ)
        sound = np.interp(times, np.arange(len(sound)), sound)
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)


def _marks(sound: Any) -> SoundMarks:
    keys, times = marks(sound)
    return SoundMarks(keys, times, len(sound) / RATE_HZ)


def _watched(data: Bytes, *, is_still: bool, listen: bool) -> tuple[PictureHashes, SoundMarks | None] | None:
    """Hashes of two pictures a second, and marks of the sound beside them; None where nothing can be decoded."""
    how = ["-frames:v", "1"] if is_still else ["-t", str(_SECONDS)]
    shown = f"{'' if is_still else f'fps={_FPS},'}scale={_SIDE}:{_SIDE}"
    with tempfile.TemporaryDirectory() as folder:
        media, grey, heard = (Path(folder) / name for name in ("media", "grey", "heard"))
        media.write_bytes(data)
        see = ["-map", "0:v:0", "-vf", shown, *how, "-pix_fmt", "gray", "-f", "rawvideo", str(grey)]
        hear = ["-map", "0:a:0", *how, "-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", str(heard)]
        limits = Limits(cpu_s=int(_MOST_S), stall_s=_MOST_S)
        try:
            if listen and not is_still:
                run(media, [], [*see, *hear], limits)
            if not grey.exists() or not grey.stat().st_size:  # where there is no sound, ffmpeg refuses both
                run(media, ["-y"], see, limits)
        except RecordingError:
            return None
        frames = np.fromfile(grey, np.uint8) if grey.exists() else np.zeros(0, np.uint8)
        sound = np.fromfile(heard, "<i2").astype(np.int16) if heard.exists() else None
    pictures = list(frames[: len(frames) // _SIDE**2 * _SIDE**2].reshape(-1, _SIDE, _SIDE))
    if not pictures:
        return None
    shows, hashes = hashes_of(pictures)
    times = np.flatnonzero(shows).astype(np.float32) / np.float32(_FPS)
    looked_s = 0.0 if is_still else len(pictures) / _FPS
    return PictureHashes(times, hashes, looked_s), None if sound is None else _marks(sound)
