"""Taking sources down: what the store holds of them goes, and they are not fetched again."""

import datetime as dt
from dataclasses import dataclass

from pipelines.acquiring.rights import TakenDown
from pipelines.store import Store
from schemas.errors import UsageError
from schemas.record import Record

TOMBSTONE = "taken_down.json"


class Tombstone(Record):
    """What stays of a source that was taken down. Holds nothing of what it was."""

    id: str
    day: str
    """UTC."""
    reason: str = ""
    sha256: str | None = None
    """Of its media, so that the same bytes under another name can be recognized."""


@dataclass(frozen=True)
class Taken:
    """What was done to one source. files: how many were removed."""

    id: str
    files: int
    known: bool
    """Whether the store held anything of it."""


def take_down(store: Store, ids: list[str], reason: str = "") -> list[Taken]:
    """Remove what the store holds of the sources, and leave tombstones. Doing it again does no harm.

    The tombstone is written first: a command that is stopped in the middle is run again. Files outside the store, such
    as the media of sources that are local files, are not touched, nor are datasets that are published already.

    Raises UsageError for what cannot be an id, StoreError.
    """
    return [_take_down(store, recording_id, reason) for recording_id in ids]


def _take_down(store: Store, recording_id: str, reason: str) -> Taken:
    folder = store.folder(recording_id)
    names = store.listing(folder)
    source = store.source(recording_id) if names else None
    before = tombstone(store, recording_id)
    mark = before or Tombstone(
        id=recording_id,
        day=dt.datetime.now(dt.UTC).date().isoformat(),
        reason=reason,
        sha256=source.sha256 if source is not None else None,
    )
    store.write(f"{folder}/{TOMBSTONE}", mark.to_bytes())
    gone = [name for name in names if name != TOMBSTONE]
    for name in gone:
        store.fs.rm(f"{folder}/{name}", recursive=True)
    return Taken(recording_id, len(gone), known=bool(gone) or before is not None)


def tombstone(store: Store, recording_id: str) -> Tombstone | None:
    """The mark that a source was taken down; None where it was not."""
    data = store.read_or_none(f"{store.folder(recording_id)}/{TOMBSTONE}")
    if data is None:
        return None
    try:
        return Tombstone.from_bytes(data)
    except ValueError:
        return Tombstone(id=recording_id, day="")  # damaged: it says enough by being there


def check_not_taken_down(store: Store, recording_id: str) -> None:
    """Raises TakenDown."""
    found = tombstone(store, recording_id)
    if found is not None:
        raise TakenDown(
            f"it was taken down on {found.day}" + (f": {found.reason}" if found.reason else ""),
            do="take it out of the table of sources; to have it back, remove its folder from the store",
        )


def ids_of(texts: list[str]) -> list[str]:
    """Ids, those in a file `@FILE` one a line. Raises UsageError where it cannot be read."""
    found: list[str] = []
    for text in texts:
        if not text.startswith("@"):
            found.append(text)
            continue
        try:
            with open(text[1:], encoding="utf-8") as file:  # noqa: PTH123 - a path that a person typed
                found += [line.strip() for line in file if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{text[1:]} cannot be read: {error}", do="name a file with one id a line") from error
    return found
