"""What the bytes of a clip say without decoding it: which they are, and how long it lasts."""

import hashlib
import io
import struct
from typing import NamedTuple

_HEADS, _SPARSE = 9_000, 400
"""Bytes, and bytes a second, below which encoded sound may be digital silence."""
_HEAD = struct.Struct(">I4s")


class OneMedium(NamedTuple):
    """One clip.

    digest: of the encoded bytes; 0 for digital silence, which is the same everywhere and says nothing.
    seconds: None where the head does not say.

    A fingerprint that finds media which sound or look alike belongs here too: it is made of the same bytes, in the
    same pass.
    """

    digest: int
    seconds: float | None


def media_facts(medium: str, data: memoryview | bytes) -> OneMedium:
    """Facts of one clip. medium: `audio`, `video` or `image`."""
    digest = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) or 1
    seconds = None
    if medium == "audio":
        seconds = flac_seconds(data)
        if seconds is None:
            seconds = _sound_seconds(data)
    elif medium == "video":
        seconds = mp4_seconds(data)
    if seconds is not None and len(data) < _HEADS + _SPARSE * seconds and _is_silent(data):
        digest = 0
    return OneMedium(digest, seconds)


def flac_seconds(data: memoryview | bytes) -> float | None:
    """Length by STREAMINFO (RFC 9639, section 8.2): 20 bits of rate, 16 bits of other things, 36 bits of samples."""
    if bytes(data[:4]) != b"fLaC" or len(data) < 26:  # noqa: PLR2004 - its fixed size
        return None
    bits = int.from_bytes(bytes(data[18:26]))
    rate, samples = bits >> 44, bits & (2**36 - 1)
    return samples / rate if rate and samples else None


def mp4_seconds(data: memoryview | bytes) -> float | None:
    """Length by the movie header (ISO/IEC 14496-12, sections 8.2.1 and 8.2.2); None for other files and fragments."""
    found = _box(data, 0, len(data), b"moov")
    header = _box(data, *found, b"mvhd") if found else None
    if header is None:
        return None
    start, end = header
    body = bytes(data[start:end])
    form = ">II" if body[:1] == b"\0" else ">IQ"
    at = 12 if body[:1] == b"\0" else 20
    if len(body) < at + struct.calcsize(form):
        return None
    scale, length = struct.unpack_from(form, body, at)
    return length / scale if scale and length else None


def _box(data: memoryview | bytes, start: int, end: int, wanted: bytes) -> tuple[int, int] | None:
    """Where the body of the first such box is among its neighbours."""
    at = start
    while at + _HEAD.size <= end:
        size, kind = _HEAD.unpack_from(data, at)
        body = at + _HEAD.size
        if size == 1 and body + 8 <= end:
            size = int.from_bytes(bytes(data[body : body + 8]))
            body += 8
        elif size == 0:
            size = end - at
        if size < body - at:
            return None
        if kind == wanted:
            return body, min(at + size, end)
        at += size
    return None


def _is_silent(data: memoryview | bytes) -> bool:
    import soundfile

    try:
        values, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    except (soundfile.SoundFileError, RuntimeError):
        return False
    return not values.any()


def _sound_seconds(data: memoryview | bytes) -> float | None:
    import soundfile

    try:
        about = soundfile.info(io.BytesIO(data))
    except (soundfile.SoundFileError, RuntimeError):
        return None
    return float(about.duration) if about.frames > 0 else None
