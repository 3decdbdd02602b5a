"""Pictures as they are published: the pixels untouched, without place, time, serial number or any other remark."""

import struct
import zlib
from pathlib import Path

from pipelines.watching.clips import picture_file

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs"}
)
_JPEG = b"\xff\xd8"
_APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_MARK, _SCAN, _END, _RESTART0, _RESTART7 = 0xFF, 0xDA, 0xD9, 0xD0, 0xD7
_ORIENTATION, _LAST_TURN = 0x0112, 8
_TIFF_HEAD, _TIFF_ENTRY = 8, 12


def published_picture(media: Path) -> tuple[bytes, str]:
    """A picture's bytes for the dataset, and the suffix of their format.

    JPEG and PNG keep their compressed pixels, colour profile and orientation and lose everything else that the
    camera or an editor wrote; any other format becomes PNG. Raises DecodeError where it cannot be read.
    """
    data = media.read_bytes()
    if data.startswith(_JPEG) and (bare := _bare_jpeg(data)) is not None:
        return bare, "jpg"
    if data.startswith(_PNG) and (bare := _bare_png(data)) is not None:
        return bare, "png"
    return picture_file(media), "png"


def _bare_jpeg(data: bytes) -> bytes | None:
    """The JPEG without remarks; None where its segments cannot be followed. ITU-T T.81, annex B."""
    kept = [_JPEG]
    at = 2
    while at + 4 <= len(data) and data[at] == _MARK:
        marker = data[at + 1]
        if marker == _MARK:  # a fill byte
            at += 1
            continue
        if marker == _END:
            break
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        body, after = data[at + 4 : at + 2 + length], at + 2 + length
        if marker == _SCAN:
            after = _end_of_scan(data, after)
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            kept.append(_orientation_alone(_orientation(body[6:])))
        elif not (_APP0 <= marker <= _APP15 or marker == _COMMENT) or _is_kept(marker, body):
            kept.append(data[at:after])
        at = after
    # What follows the end, such as a second picture or a film, is not published.
    return b"".join([*kept, b"\xff\xd9"]) if data[at : at + 2] == b"\xff\xd9" else None


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker is that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] and not _RESTART0 <= data[at + 1] <= _RESTART7:
            return at
        at += 2
    return len(data)


def _is_kept(marker: int, body: bytes) -> bool:
    if marker == _APP0:
        return body.startswith(b"JFIF\0")
    return (marker == _APP2 and body.startswith(b"ICC_PROFILE\0")) or (marker == _APP14 and body.startswith(b"Adobe"))


def _orientation(tiff: bytes) -> int:
    """The orientation in an Exif block, 1 to 8; 1 where it says nothing readable. Exif 2.3, 4.6.4."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < _TIFF_HEAD:
        return 1
    (directory,) = struct.unpack(order + "I", tiff[4:8])
    if directory + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack(order + "H", tiff[directory : directory + 2])
    for place in range(entries):
        entry = tiff[directory + 2 + 12 * place :][:12]
        if len(entry) == _TIFF_ENTRY and struct.unpack(order + "H", entry[:2])[0] == _ORIENTATION:
            (turned,) = struct.unpack(order + "H", entry[8:10])
            return turned if 1 <= turned <= _LAST_TURN else 1
    return 1


def _orientation_alone(turned: int) -> bytes:
    """An Exif segment that says how the picture is turned and nothing else; nothing for an upright one."""
    if turned == 1:
        return b""
    body = b"Exif\0\0" + _tiff(turned)
    return struct.pack(">BBH", 0xFF, _APP1, len(body) + 2) + body


def _tiff(turned: int) -> bytes:
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, turned, 0)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + b"\0\0\0\0"


def _bare_png(data: bytes) -> bytes | None:
    """The PNG without remarks; None for one whose chunks cannot be followed. PNG (third edition), 5.3 and 11.3."""
    kept = [_PNG]
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, after = data[at + 4 : at + 8], at + 12 + length
        if after > len(data):
            return None
        if kind in _PNG_KEPT:
            kept.append(data[at:after])
        elif kind == b"eXIf" and (turned := _orientation(data[at + 8 : after - 4])) != 1:
            chunk = b"eXIf" + _tiff(turned)
            kept.append(struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)))
        at = after
        if kind == b"IEND":
            return b"".join(kept)
    return None
