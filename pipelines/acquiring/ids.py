"""Ids of recordings, from what they are called elsewhere."""

import hashlib
import re
import unicodedata
import urllib.parse

from pipelines.store import is_id

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names of devices, which some file systems never take for a folder."""


def id_of(path: str) -> str:
    """An id from a relative path without its ending: `a/b c` gives `a-b-c`. A hash tells what else was changed."""
    plain = unicodedata.normalize("NFKD", path).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")
    kept = re.sub(r"[ /\\]", "-", path)
    if name == kept and is_id(name) and not _RESERVED.fullmatch(name):
        return name
    mark = hashlib.sha256(path.encode()).hexdigest()[:8]
    stem = name[:100].replace(".", "-") if _RESERVED.fullmatch(name) else name[:100]
    return f"{stem}-{mark}".lstrip("-._")


def id_of_url(url: str) -> str:
    """An id from an address: its last part and a hash."""
    try:
        path = urllib.parse.urlsplit(url).path
    except ValueError:  # no address at all: acquiring it says so
        path = ""
    last = urllib.parse.unquote(path).rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", last.rsplit(".", 1)[0]).strip("-_")[:80]
    return f"{stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}".lstrip("-_")
