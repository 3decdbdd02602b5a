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
    sound_late_s: by how much a video's sound begins after its pictures; None where the head does not say.
    """

    digest: int
    seconds: float | None
    sound_late_s: float | None = None


def media_facts(medium: str, data: memoryview | bytes) -> OneMedium:
    """Facts of one clip. medium: `audio`, `video` or `image`."""
    digest = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) or 1
    seconds = late = None
    if medium == "audio":
        seconds = flac_seconds(data)
        if seconds is None:
            seconds = _sound_seconds(data)
    elif medium == "video":
        seconds, late = mp4_seconds(data), mp4_sound_late(data)
    if seconds is not None and len(data) < _HEADS + _SPARSE * seconds and _is_silent(data):
        digest = 0
    return OneMedium(digest, seconds, late)


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


def mp4_sound_late(data: memoryview | bytes) -> float | None:
    """By how many seconds the first sound is presented after the first picture, by the edit lists (section 8.6.6).

    None where one of them is missing. An edit that shows nothing delays a track; one without a list begins at 0.
    """
    moov = _box(data, 0, len(data), b"moov")
    header = _box(data, *moov, b"mvhd") if moov else None
    if moov is None or header is None:
        return None
    body = bytes(data[header[0] : header[1]])
    at = 12 if body[:1] == b"\0" else 20
    if len(body) < at + 4:
        return None
    (scale,) = struct.unpack_from(">I", body, at)
    starts: dict[bytes, float] = {}
    at, end = moov
    while scale and (found := _box(data, at, end, b"trak")) is not None:
        at = found[1]
        kind, delay = _handler(data, found), _delay(data, found)
        if kind in (b"vide", b"soun") and delay is not None:
            starts.setdefault(kind, delay / scale)
    return starts[b"soun"] - starts[b"vide"] if len(starts) == 2 else None  # noqa: PLR2004


def _handler(data: memoryview | bytes, trak: tuple[int, int]) -> bytes:
    """What a track holds: `vide`, `soun`, ... (section 8.4.3)."""
    mdia = _box(data, *trak, b"mdia")
    hdlr = _box(data, *mdia, b"hdlr") if mdia else None
    return bytes(data[hdlr[0] + 8 : hdlr[0] + 12]) if hdlr else b""


def _delay(data: memoryview | bytes, trak: tuple[int, int]) -> int | None:
    """How long a track shows nothing at its start, in units of the movie; None where its list is damaged."""
    edts = _box(data, *trak, b"edts")
    elst = _box(data, *edts, b"elst") if edts else None
    if elst is None:
        return 0
    body = bytes(data[elst[0] : elst[1]])
    form = struct.Struct(">Ii4x" if body[:1] == b"\0" else ">Qq4x")
    delay = 0
    for at in range(8, len(body) - form.size + 1, form.size):
        length, media_time = form.unpack_from(body, at)
        if media_time != -1:
            return delay
        delay += length
    return None


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
