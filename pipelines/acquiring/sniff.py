"""What a file that is not media is, told from its first bytes in words that help."""

import re

from schemas.errors import DecodeError

_LISTS = (
    b"#EXTM3U",
    b"ffconcat version",
    b"[playlist]",
    b"[Reference]",
    b"RTSPtext",
    b"v=0\no=",
    b"<MPD",
    b"<asx",
    b"<smil",
)
_HEIF = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})
_KNOWN = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
)


def not_media(head: bytes) -> None:
    """Raise DecodeError if the first kilobytes show that a file cannot be media, or would name other files."""
    if not head:
        raise DecodeError("the file is empty (0 bytes)", do="get the file again from where it came")
    if not head.strip(b"\0"):
        raise DecodeError("the file begins with zeros only", do="get the file again: the download was not finished")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().replace(b"\r\n", b"\n")
    lower = text.lower()
    body = re.sub(rb"^<\?xml.*?\?>\s*", b"", lower, flags=re.DOTALL)
    body = re.sub(rb"^(<!--.*?-->\s*)+", b"", body, flags=re.DOTALL)
    if any(body.startswith(mark.lower()) for mark in _LISTS):
        raise DecodeError(
            "a playlist, not media: it names other files, and those are never opened",
            do="list the media files themselves",
        )
    if body.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise DecodeError(
            "not media: looks like a web page (HTML)",
            do="open the address in a browser: the server may have sent an error or a log-in page",
        )
    if lower.startswith((b"<?xml", b"<svg")):
        raise DecodeError("not media: an XML document", do="check the table of sources")
    for mark, what in _KNOWN:
        if text.startswith(mark):
            raise DecodeError(f"not media: {what}", do="check the table of sources; unpack archives first")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        raise DecodeError("a HEIC or AVIF picture, which cannot be read yet", do="convert it to JPEG or PNG")
