"""Where each row comes from and under what terms, fit to be published."""

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from schemas.features import Features, value
from schemas.source import Scalar, Source

_SECRET = re.compile(
    r"token|secret|signature|credential|password|passwd|auth|api_?key|^x-(amz|goog|ms)-|^(sig|key)$", re.IGNORECASE
)


def published_uri(uri: str | None) -> str | None:
    """A source's address without what a reader must not see: folders of the publisher's machine, keys, passwords."""
    if uri is None:
        return None
    uri = uri.removeprefix("yt-dlp:")
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return PurePath(uri).name
    query = urlencode([(name, given) for name, given in parse_qsl(parts.query) if not _SECRET.search(name)])
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def origin(uri: str | None) -> str:
    """Where sources come from, in a word: the host of a web address, else that it is a file, or a text in the table."""
    if uri is None:
        return "texts in the table of sources"
    parts = urlsplit(uri.removeprefix("yt-dlp:"))
    return parts.hostname or "" if parts.scheme in ("http", "https") else "files"


Kinds = dict[str, set[type]]
"""The types of the values in each further column of the table of sources."""


def note_kinds(source: Source, kinds: Kinds) -> None:
    """Add one source's further columns."""
    for name, given in source.extra.items():
        kinds.setdefault(name, set()).update(() if given is None else (type(given),))


def provenance_features(sources: Iterable[Source]) -> Features:
    """The columns of provenance. `extra` has a field for each further column of the table, typed over all rows."""
    kinds: Kinds = {}
    for source in sources:
        note_kinds(source, kinds)
    return features_of(kinds)


def features_of(kinds: Kinds) -> Features:
    """The columns of provenance, where the types of all further columns are known."""
    features: Features = {name: value("string") for name in ("source", "licence", "consent", "sha256")}
    if kinds:
        features["extra"] = {name: value(_dtype(kinds[name])) for name in sorted(kinds)}
    return features


def _dtype(kinds: set[type]) -> str:
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int64"
    return "float64" if kinds and kinds <= {int, float} else "string"


def provenance(source: Source, features: Features) -> dict[str, Any]:
    """One recording's values for `provenance_features`."""
    row: dict[str, Any] = {
        "source": published_uri(source.uri),
        "licence": source.licence,
        "consent": source.consent,
        "sha256": source.sha256,
    }
    if "extra" in features:
        row["extra"] = {name: _as(source.extra.get(name), kind["dtype"]) for name, kind in features["extra"].items()}
    return row


def _as(given: Scalar, dtype: str) -> Scalar:
    if given is None:
        return None
    if dtype == "string":
        return str(given).lower() if isinstance(given, bool) else str(given)
    return float(given) if dtype == "float64" else given
