"""Finding the copies among a recipe's recordings, before anything dear is measured.

    STORE/duplicates/NAME.DIGEST.json   what was found with these settings; schemas.duplicates.Found

A build first brings in all sources, and for `near` decodes each once for the marks of its sound and the hashes of its
pictures alone. What is found depends on the recordings, not on the engine or on the order in which they came.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from extractors.picture_hashes import PictureHashing
from extractors.sound_marks import SoundMarking
from pipelines.acquiring.takedown import marks_left
from pipelines.engines import Engine
from pipelines.lineage import digest
from pipelines.plan import Plan
from pipelines.recording import StoredRecording
from pipelines.reporting.progress import Tally, follow
from pipelines.runner import ACQUIRE
from pipelines.sifting.compare import Looks, compare
from pipelines.sifting.index import Index
from pipelines.store import Store
from pipelines.watching.probe import Probe
from pipelines.watching.watch import Watch
from schemas.duplicates import Copy, Duplicates, Found, Likeness
from schemas.facts import Facts, Watched
from schemas.likeness import PictureHashes, SoundMarks
from schemas.outcome import Outcome
from schemas.recipe import Recipe
from schemas.source import Scalar, SourceRow
from schemas.step import Step

_VERSION = 1
"""Of the rules by which copies are found."""
_REMEMBERED = 256


def first_look(recipe: Recipe) -> Plan:
    """What is done with every source before copies are looked for."""
    how = recipe.duplicates
    watchers = (SoundMarking(seconds=how.seconds), PictureHashing(seconds=how.seconds))
    steps: tuple[Step, ...] = (Probe(), Watch(watchers=watchers)) if how.find == "near" else (Probe(),)
    return Plan(recipe, steps)


@dataclass(frozen=True)
class Sifted:
    """Which recordings are not worked on. told: what is to be told of those that are no copies."""

    leave: frozenset[str] = frozenset()
    told: tuple[Outcome, ...] = ()


def sift(
    recipe: Recipe, engine: Engine, rows: Callable[[], Iterable[SourceRow]], store: Store, tally: Tally, *, quiet: bool
) -> Sifted:
    """Take a first look at all sources, find the copies among them, and say which are not worked on.

    rows: the sources, in their order; asked for more than once. tally: counts what was done here already. A source
    that could not be had is not worked on either: it would only be asked again.
    """
    if recipe.duplicates.find == "nothing":
        return Sifted()
    plan = first_look(recipe)
    failed: list[Outcome] = []
    first = follow(_watching(engine.run(plan, rows(), store), failed), plan.lineage.steps[-1].key, quiet=quiet)
    found = find(recipe, (row.id for row in rows()), store)
    tally.began(first, len(copies_left_out(found, recipe.duplicates)))
    refused = [Outcome(name, ACQUIRE, "failed", message=why) for name, why in sorted(refused_in(found).items())]
    leave = dropped(found, recipe.duplicates) | {told.recording for told in failed}
    return Sifted(leave, (*failed, *refused))


def _watching(outcomes: Iterable[Outcome], failed: list[Outcome]) -> Iterator[Outcome]:
    """The outcomes; those of sources that could not be had are kept, too."""
    for told in outcomes:
        if told.step == ACQUIRE and told.state == "failed":
            failed.append(told)
        yield told


def path_of(recipe: Recipe, store: Store) -> str:
    """Where it is kept what was found."""
    return f"{store.root}/duplicates/{recipe.name}.{_settings(recipe)}.json"


def _settings(recipe: Recipe) -> str:
    look = [step.identity() for step in first_look(recipe).steps]
    return digest([_VERSION, recipe.duplicates.model_dump(mode="json"), look])


def found_in(recipe: Recipe, store: Store) -> Found | None:
    """What the last build found; None where none has looked with these settings, or none is wanted."""
    if recipe.duplicates.find == "nothing":
        return None
    data = store.read_or_none(path_of(recipe, store))
    try:
        return None if data is None else Found.from_bytes(data)
    except ValueError:
        return None


def find(recipe: Recipe, ids: Iterable[str], store: Store) -> Found:
    """Look for copies among the recordings and keep what is found. ids: in the order of the sources.

    A recording that could not be had or decoded is no copy of any. Raises StoreError.
    """
    places = {name: place for place, name in enumerate(ids)}
    lineage = first_look(recipe).lineage
    state = hashlib.sha256()
    index, known = Index(), []
    for name in sorted(places):
        recording = store.open(name, lineage)
        if recording.acquired and recording.source.uri is not None:
            known.append(name)
            state.update(json.dumps([name, places[name], _mark(recording)]).encode())
    gone = list(_taken_down(store)) if recipe.duplicates.find == "near" else []
    state.update("".join(each.id for each in gone).encode())
    before = found_in(recipe, store)
    if before is not None and before.of == state.hexdigest():
        return before

    @lru_cache(_REMEMBERED)
    def looks(name: str) -> Looks:
        return looks_of(store.open(name, lineage))

    def look_at(place: int) -> Looks:
        return looks(known[place]) if place < len(known) else gone[place - len(known)]

    for place in range(len(known) + len(gone)):
        index.add(look_at(place))
    pairs = [(a, b) for a, b in index.pairs(recipe.duplicates.sound) if a < len(known)]
    compared = [(b, compare(look_at(a), look_at(b), recipe.duplicates)) for a, b in pairs]
    links = [link for b, link in compared if link is not None and b < len(known)]
    barred = [link for b, link in compared if link is not None and b >= len(known)]
    without = {link.one for link in barred if link.kind != "related"}
    ranks: dict[str, tuple[float, ...]] = {name: (places[name],) for name in known}
    if recipe.duplicates.keep == "largest":
        linked = {name for link in links for name in (link.one, link.other)}
        ranks |= {name: (*_size(looks(name)), places[name]) for name in sorted(linked)}
    found = Found(
        of=state.hexdigest(),
        compared=len(known),
        copies=tuple(copies_of([link for link in links if not {link.one, link.other} & without], ranks)),
        likenesses=tuple(links),
        taken_down=tuple(barred),
    )
    store.write(path_of(recipe, store), found.to_bytes())
    return found


def _mark(recording: StoredRecording) -> list[object]:
    source, kinds = recording.source, recording.lineage.maker
    states = [recording.state(kind) for kind in kinds]
    return [source.sha256, source.text, states]


def _taken_down(store: Store) -> Iterator[Looks]:
    """What was taken down, as far as copies of it can be known."""
    for mark, sound, pictures in marks_left(store):
        yield Looks(id=mark.id, sha256=mark.sha256 or "", length_s=mark.length_s, sound=sound, pictures=pictures)


def _size(looks: Looks) -> tuple[float, ...]:
    return -looks.pixels, -looks.length_s, -looks.bytes


def looks_of(recording: StoredRecording) -> Looks:
    """What the first look at a recording left in the store."""
    source = recording.source
    facts = recording.read("facts", Facts) if recording.has("facts") else None
    watched = recording.read("watched", Watched) if recording.has("watched") else None
    picture = facts.picture if facts else None
    length = watched.duration_s if watched else facts.duration_s if facts else None
    return Looks(
        id=source.id,
        sha256=source.sha256,
        text=source.text,
        length_s=length or 0.0,
        pixels=picture.width * picture.height if picture else 0,
        bytes=source.bytes,
        sound=recording.read("sound_marks", SoundMarks) if recording.has("sound_marks") else None,
        pictures=recording.read("picture_hashes", PictureHashes) if recording.has("picture_hashes") else None,
    )


def copies_of(links: Sequence[Likeness], ranks: Mapping[str, tuple[float, ...]]) -> Iterator[Copy]:
    """Which recordings are copies, each of one that is kept: the first in rank that it is alike itself.

    One after the other, by rank: a recording is kept unless it is a copy of one that is kept already. So nothing is
    dropped for a recording that it is not alike, as would happen where copies of copies are dropped.
    """
    alike: dict[str, dict[str, Likeness]] = {}
    for link in links:
        if link.kind != "related":
            alike.setdefault(link.one, {})[link.other] = link
            alike.setdefault(link.other, {})[link.one] = link
    kept: set[str] = set()
    copies = []
    for name in sorted(alike, key=lambda name: (ranks[name], name)):
        of = next((other for other in sorted(alike[name], key=lambda each: (ranks[each], each)) if other in kept), None)
        if of is None:
            kept.add(name)
        else:
            kind = alike[name][of].kind
            copies.append(Copy(id=name, of=of, kind="exact" if kind == "exact" else "near"))
    yield from sorted(copies, key=lambda copy: copy.id)


def copies_left_out(found: Found, how: Duplicates) -> frozenset[str]:
    """Copies of recordings that are kept, which are not."""
    return frozenset() if how.keep == "all" else frozenset(copy.id for copy in found.copies)


def refused_in(found: Found) -> dict[str, str]:
    """Copies of what was taken down, and how that is told."""
    return {
        link.one: f"it is a copy of {link.other}, which was taken down ({_measured(link)})"
        for link in found.taken_down
        if link.kind != "related"
    }


def dropped(found: Found | None, how: Duplicates) -> frozenset[str]:
    """Copies, of others and of what was taken down, that are neither measured nor published."""
    if found is None or how.find == "nothing":
        return frozenset()
    return copies_left_out(found, how) | refused_in(found).keys()


def told(found: Found) -> dict[str, dict[str, Scalar]]:
    """What is published of it under `extra`: `duplicate_of`, and `duplicates`, the copies of a recording."""
    notes: dict[str, dict[str, Scalar]] = {}
    for copy in found.copies:
        notes.setdefault(copy.id, {})["duplicate_of"] = copy.of
        before = notes.setdefault(copy.of, {}).get("duplicates")
        notes[copy.of]["duplicates"] = f"{before} {copy.id}" if before else copy.id
    return notes


def notes_of_copies(found: Found | None, how: Duplicates) -> Iterator[str]:
    """For the dataset's card."""
    gone = copies_left_out(found, how) if found is not None and how.find != "nothing" else frozenset()
    if gone and found is not None:
        exact = sum(copy.kind == "exact" for copy in found.copies)
        yield f"Recordings left out as copies of others: {len(gone)}, {exact} of them with the same bytes."


def lines_of(found: Found) -> Iterator[str]:
    """For people to read: each copy with what it is a copy of, each related pair, and how far they are alike."""
    links = {frozenset((link.one, link.other)): link for link in found.likenesses}
    for copy in found.copies:
        yield f"{copy.id} is a copy of {copy.of} ({_measured(links[frozenset((copy.id, copy.of))])})"
    for link in found.likenesses:
        if link.kind == "related":
            yield f"{link.one} and {link.other} are related ({_measured(link)})"
    for name, why in sorted(refused_in(found).items()):
        yield f"{name} is left out: {why}; `affectloom takedown {name}` removes it"
    for link in found.taken_down:
        if link.kind == "related":
            yield f"{link.one} is related to {link.other}, which was taken down ({_measured(link)})"
    yield f"{len(found.copies)} copies among {found.compared} recordings"


def _measured(link: Likeness) -> str:
    if link.sound is None and link.picture is None:
        return "the same bytes"
    parts = [
        f"{link.sound:.0%} of the marks of the sound" if link.sound is not None else "",
        f"{link.picture:.0%} of the bits of the pictures differ" if link.picture is not None else "",
        f"{link.overlap:.0%} of the longer",
        f"speed {link.speed:g}" if link.speed != 1 else "",
    ]
    return ", ".join(part for part in parts if part)
