"""Taking sources down: what the store holds of them goes, and they are not fetched again, under whatever name.

STORE/recordings/ID/taken_down.json       the tombstone
STORE/taken_down/SHA256.json              the same, by what the media were
STORE/taken_down/SHA256.marks.parquet     by which copies are known: marks of the sound, if a build had made them
STORE/taken_down/SHA256.hashes.parquet    and hashes of the pictures
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.acquiring.rights import TakenDown
from pipelines.store import Store, is_id
from schemas.errors import UsageError
from schemas.facts import Watched
from schemas.likeness import PictureHashes, SoundMarks
from schemas.record import Record

TOMBSTONE = "taken_down.json"
_WATCHED = re.compile(r"watched\.[0-9a-f]+\.json").fullmatch
_MARKS = {"sound_marks": SoundMarks.suffix, "picture_hashes": PictureHashes.suffix}


class Tombstone(Record):
    """What stays of a source that was taken down. Holds nothing of what it was."""

    id: str
    day: str
    """UTC."""
    reason: str = ""
    sha256: str | None = None
    """Of its media, so that the same bytes under another name can be recognized. None of a text."""
    length_s: float = 0.0
    """How long it was, as far as it was known: near copies are told by it."""


@dataclass(frozen=True)
class Taken:
    """What was done to one source. files: how many were removed."""

    id: str
    files: int
    known: bool
    """Whether the store held anything of it."""
    same_as: str | None = None
    """It was not asked for, but its media are the same bytes as this one's."""


def take_down(store: Store, ids: list[str], reason: str = "") -> list[Taken]:
    """Remove what the store holds of the sources, and of those with the same media; leave tombstones.

    Doing it again does no harm. The tombstone is written first: a command that is stopped in the middle is run again.
    Files outside the store, such as the media of sources that are local files, are not touched, nor are datasets that
    are published already.

    Raises UsageError for what cannot be an id, StoreError.
    """
    for recording_id in ids:
        store.folder(recording_id)
    taken = [_take_down(store, recording_id, reason) for recording_id in ids]
    of = {mark.sha256: mark.id for name in ids if (mark := tombstone(store, name)) is not None and mark.sha256}
    for name, sha256 in _of_media(store, set(ids)) if of else ():
        if sha256 in of:
            taken.append(_take_down(store, name, reason, same_as=of[sha256]))
    return taken


def _take_down(store: Store, recording_id: str, reason: str, *, same_as: str | None = None) -> Taken:
    folder = store.folder(recording_id)
    names = store.files(folder)
    source = store.source(recording_id) if names else None
    before = tombstone(store, recording_id)
    mark = before or Tombstone(
        id=recording_id,
        day=dt.datetime.now(dt.UTC).date().isoformat(),
        reason=reason,
        sha256=source.sha256 if source is not None and source.uri is not None else None,
        length_s=max(
            (_length(store.read_or_none(f"{folder}/{name}")) for name in names if _WATCHED(name)), default=0.0
        ),
    )
    if mark.sha256 is not None:
        _register(store, mark, folder, names)
    store.write(f"{folder}/{TOMBSTONE}", mark.to_bytes())
    gone = [name for name in names if name != TOMBSTONE]
    for name in gone:
        store.fs.rm(f"{folder}/{name}", recursive=True)
    return Taken(recording_id, len(gone), known=bool(gone) or before is not None, same_as=same_as)


def _length(data: bytes | None) -> float:
    try:
        return Watched.from_bytes(data or b"").duration_s or 0.0
    except ValueError:
        return 0.0


def _register(store: Store, mark: Tombstone, folder: str, names: list[str]) -> None:
    """Keep by what its copies will be known. What is there already, of another with the same bytes, stays."""
    place = f"{store.root}/taken_down/{mark.sha256}"
    for kind, suffix in _MARKS.items():
        made = [name for name in names if name.startswith(f"{kind}.") and name.endswith(f".{suffix}")]
        found = [data for name in made if (data := store.read_or_none(f"{folder}/{name}")) is not None]
        if found and store.read_or_none(f"{place}.{suffix}") is None:
            store.write(f"{place}.{suffix}", max(found, key=len))  # that of the longest stretch
    if store.read_or_none(f"{place}.json") is None:
        store.write(f"{place}.json", mark.to_bytes())


def _of_media(store: Store, but: set[str]) -> Iterator[tuple[str, str]]:
    """Every recording in the store with the hash of its media. Texts have none: many people write the same words."""
    for name in sorted(store.listing(f"{store.root}/recordings")):
        source = store.source(name) if is_id(name) and name not in but else None
        if source is not None and source.uri is not None:
            yield name, source.sha256


def tombstone(store: Store, recording_id: str) -> Tombstone | None:
    """The mark that a source was taken down; None where it was not."""
    return _read(store, f"{store.folder(recording_id)}/{TOMBSTONE}", recording_id)


def _read(store: Store, path: str, name: str) -> Tombstone | None:
    data = store.read_or_none(path)
    if data is None:
        return None
    try:
        return Tombstone.from_bytes(data)
    except ValueError:
        return Tombstone(id=name, day="")  # damaged: it says enough by being there


def check_not_taken_down(store: Store, recording_id: str, sha256: str | None = None) -> None:
    """Raises TakenDown for an id, or for media, that were taken down. sha256: of the media."""
    found = tombstone(store, recording_id)
    if found is not None:
        raise TakenDown(
            f"it was taken down on {found.day}" + (f": {found.reason}" if found.reason else ""),
            do="take it out of the table of sources; to have it back, remove its folder from the store, and what "
            "taken_down/ there holds under its SHA-256",
        )
    same = _read(store, f"{store.root}/taken_down/{sha256}.json", "another") if sha256 is not None else None
    if same is not None:
        raise TakenDown(
            f"its media are the same bytes as those of {same.id}, which was taken down on {same.day}"
            + (f": {same.reason}" if same.reason else ""),
            do=f"take it out of the table of sources; to have it back, remove {sha256}.* from taken_down/ in the store",
        )


def marks_left(store: Store) -> Iterator[tuple[Tombstone, SoundMarks | None, PictureHashes | None]]:
    """The tombstones by which copies that are not the same bytes can be known, in the order of their hashes."""
    folder = f"{store.root}/taken_down"
    names = set(store.files(folder))
    for name in sorted(names):
        stem = name.removesuffix(".json")
        there = [f"{stem}.{suffix}" in names for suffix in _MARKS.values()]
        mark = _read(store, f"{folder}/{name}", "another") if name.endswith(".json") and any(there) else None
        if mark is not None:
            sound, pictures = (store.read_or_none(f"{folder}/{stem}.{suffix}") for suffix in _MARKS.values())
            yield (
                mark.model_copy(update={"sha256": stem}),
                SoundMarks.from_bytes(sound) if sound is not None else None,
                PictureHashes.from_bytes(pictures) if pictures is not None else None,
            )


def ids_of(texts: Iterable[str]) -> list[str]:
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
