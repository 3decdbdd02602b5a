"""Which sources a recipe takes by their terms, and what of them it publishes."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from schemas.artifact import Artifact, Opened
from schemas.errors import RecordingError
from schemas.rights import ANY, NONE, Rights, Share
from schemas.source import Source
from schemas.step import Recording

A = TypeVar("A", bound=Artifact)
F = TypeVar("F", bound=Opened)

_HIDDEN = frozenset({"audio", "facts"})
"""What media are cut from: without them there are none."""
_KEPT = frozenset({"id", "index", "recording", "start", "end"})
_CC = re.compile(
    r"creativecommons\.org/(?:licenses/([a-z-]+)/([\d.]+)|publicdomain/(zero|mark)/([\d.]+))", re.IGNORECASE
)
_WORDED = {
    # What platforms call them, in lower case.
    "creative commons attribution license (reuse allowed)": "cc-by-3.0",
    "standard youtube license": "youtube",
    "creative commons attribution": "cc-by",
    "public domain": "pd",
}


class NotPermitted(RecordingError):
    """The recipe does not accept the terms that the source is under."""


class TakenDown(RecordingError):
    """The source was taken down, and is not fetched again."""


def named(licence: str | None) -> str:
    """A licence as recipes name it: lower case, Creative Commons' addresses as SPDX identifiers; `none` for nothing."""
    text = " ".join((licence or "").lower().split())
    found = _CC.search(text)
    if found is not None:
        if found[1]:
            return f"cc-{found[1]}-{found[2]}"
        return f"cc0-{found[4]}" if found[3] == "zero" else f"cc-pdm-{found[4]}"
    return _WORDED.get(text, text) or NONE


def share(licence: str | None, consent: str | None, rights: Rights) -> Share:
    """What may be published of a source under these terms. Raises NotPermitted where the recipe does not accept it."""
    if rights.consent and (consent or "") not in rights.consent:
        raise NotPermitted(
            f"its consent is {consent!r}; the recipe accepts {', '.join(rights.consent)}"
            if consent
            else f"no consent is named; the recipe accepts {', '.join(rights.consent)}",
            do="fill the column `consent` of the sources, or change rights.consent in the recipe",
        )
    if not rights.accept:
        return "media"
    accepted = {named(name) if name != ANY else ANY: given for name, given in rights.accept.items()}
    name = named(licence)
    if name in accepted:
        return accepted[name]
    if name != NONE and ANY in accepted:
        return accepted[ANY]
    shown = ", ".join(rights.accept)
    raise NotPermitted(
        f"its licence is {licence!r}; the recipe accepts {shown}"
        if licence
        else f"no licence is named; the recipe accepts {shown}",
        do="fill the column `licence` of the sources, or change rights.accept in the recipe",
    )


def published(recording: Recording, rights: Rights) -> Recording | None:
    """The recording as it may be published; None where it may not be."""
    try:
        allowed = share(recording.source.licence, recording.source.consent, rights)
    except NotPermitted:
        return None
    return recording if allowed == "media" else Restricted(recording, allowed)


class Restricted:
    """A recording without its media, and under `ids` without anything but its samples' names and times."""

    def __init__(self, recording: Recording, allowed: Share) -> None:
        self._recording = recording
        self._ids_only = allowed == "ids"

    @property
    def id(self) -> str:
        """As the recording's."""
        return self._recording.id

    @property
    def source(self) -> Source:
        """As the recording's."""
        source = self._recording.source
        if not self._ids_only:
            return source
        return source.model_copy(update={"text": None, "speaker": None, "extra": {}})

    def has(self, kind: str) -> bool:
        """False for what media are cut from."""
        return kind not in _HIDDEN and self._recording.has(kind)

    def failed(self, kind: str) -> bool:
        """As the recording's."""
        return self._recording.failed(kind)

    def read(self, kind: str, of: type[A]) -> A:
        """The artifact. Raises KeyError where it is hidden."""
        self._check(kind)
        return self._recording.read(kind, of)

    def open(self, kind: str, of: type[F]) -> AbstractContextManager[F]:
        """The artifact in its file. Raises KeyError where it is hidden."""
        self._check(kind)
        return self._recording.open(kind, of)

    def _check(self, kind: str) -> None:
        if kind in _HIDDEN or kind == "media":
            raise KeyError(f"{kind} of {self.id} is not published")

    def write(self, kind: str, value: Artifact) -> None:
        """Nothing is written while publishing."""
        raise NotImplementedError

    def absent(self, kind: str, reason: str) -> None:
        """Nothing is written while publishing."""
        raise NotImplementedError

    def create(self, kind: str, suffix: str) -> AbstractContextManager[Path]:
        """Nothing is written while publishing."""
        raise NotImplementedError

    @contextmanager
    def local(self, kind: str) -> Iterator[Path]:
        """A file with the artifact; of the samples, under `ids`, one in which all but names and times is null."""
        self._check(kind)
        with self._recording.local(kind) as path:
            if kind != "samples" or not self._ids_only:
                yield path
                return
            with tempfile.TemporaryDirectory(prefix="affectloom-") as folder:
                yield _names_and_times(path, Path(folder) / "samples.parquet")


def _names_and_times(samples: Path, to: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(samples)
    columns = [
        table[column.name] if column.name in _KEPT else pa.nulls(len(table), column.type) for column in table.schema
    ]
    pq.write_table(pa.table(columns, schema=table.schema), to)
    return to
