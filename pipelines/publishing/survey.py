"""The first look at all samples, before any is published: types of the columns, groups, lengths.

Workers look at some recordings each and tell what they saw in few bytes; here it is put together.
"""

import difflib
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from annotation.asked_agreement import Extent
from pipelines.publishing.arrow_types import settle, unite, without_nulls
from pipelines.publishing.dealing import Held
from pipelines.publishing.dealing import deal as dealt_by_labels
from pipelines.publishing.looked import Keys, Looked, Part, Seen
from pipelines.publishing.provenance import Kinds
from pipelines.publishing.splits import Grouping, first_key, split_of
from pipelines.publishing.stratified import Stratum
from schemas.errors import UsageError
from schemas.failure import Failure
from schemas.publication import GROUPS, SPLIT_NAMES, Publication, is_split_name

if TYPE_CHECKING:
    import pyarrow as pa

_MARK_BYTES = 16
_MIXED = -1
_SHOWN = 5
_USUAL = {"train": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1, "test": 2}


class NothingToPublish(UsageError):
    """No recording has a sample."""


class Placed(NamedTuple):
    """One recording's rows that are in one split. keys: which rows, by their grouping columns; None for all."""

    id: str
    mark: str
    size: int
    split: str
    keys: tuple[Keys, ...] | None


@dataclass
class Tally:
    """Counts over all rows, whatever the order in which recordings were looked at."""

    forms: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    speakers: set[str] = field(default_factory=set)
    licences: Counter[str] = field(default_factory=Counter)
    consents: Counter[str] = field(default_factory=Counter)
    learnt: Counter[tuple[str, str]] = field(default_factory=Counter)


class Survey:
    """All recordings that have samples, by id, in few bytes each; filled by `survey`.

    Attributes:
        types: the published type of each column of the samples.
        kinds: the types of values in each further column of the sources.
        failures: what could not be made of recordings, with or without samples.
        samples: ids of the samples of recordings that are asked for by `items`.
        extents: for each of these, its times and its text, where stretches or transcripts are asked for.
        part_of: for each of these, the place of its part, where the recording has several.
        values: for each of these, its values in the columns to balance.
        dealt: for the manifest, where groups are dealt out by their labels; see `dealing.Dealt.told`.
        groups: group to number of rows.
        rows, microseconds, groups_in: of each split.
        ungrouped: rows without a value in any grouping column.
        places: recordings, each counted in every split where it has rows.
        splits: their names, in order.
    """

    def __init__(self, links: Mapping[str, str] | None = None) -> None:
        self.tally = Tally()
        self.types: dict[str, pa.DataType] = {}
        self.kinds: Kinds = {}
        self.samples: dict[str, tuple[str, ...]] = {}
        self.extents: dict[str, Extent] = {}
        self.part_of: dict[str, tuple[int, ...]] = {}
        self.dealt: dict[str, str] = {}
        self.values: dict[str, list[Keys]] = {}
        self.people: set[tuple[str, Keys]] = set()
        self.unread: Counter[str] = Counter()
        self.spoken: dict[str, str] = {}
        self.failures: list[Failure] = []
        self.groups: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.microseconds: Counter[str] = Counter()
        self.groups_in: Counter[str] = Counter()
        self.ungrouped = 0
        self.places = 0
        self.splits: list[str] = []
        self._ids: list[str] = []
        self._marks = bytearray()
        self._sizes = array("q")
        self._alike = array("l")
        """Place in `_keys` of the one part that a recording has, or _MIXED."""
        self._rows = array("l")
        self._lengths = array("q")
        self._mixed: dict[int, tuple[Part, ...]] = {}
        self._keys: list[Keys] = []
        self._known: dict[Keys, int] = {}
        self._split_of: dict[str, str] = {}
        self._official = False
        self._grouping = Grouping()
        self._links = links or {}

    @property
    def recordings(self) -> int:
        """How many have samples (or none, but the table for them)."""
        return len(self._ids)

    @property
    def is_empty(self) -> bool:
        """Whether there is no sample."""
        return not self._keys and not any(self._mixed.values())

    def add(self, recording: str, one: Looked) -> None:
        """Note a recording; they come in the order of their ids."""
        place = len(self._ids)
        self._ids.append(recording)
        self._marks += one.mark
        self._sizes.append(one.size)
        for part in one.parts:
            self._grouping.add(part.keys)
            if recording in self._links:
                self._grouping.link(recording, part.keys, self._links[recording])
        if len(one.parts) == 1:
            part = one.parts[0]
            if part.keys not in self._known:
                self._known[part.keys] = len(self._keys)
                self._keys.append(part.keys)
            self._alike.append(self._known[part.keys])
            self._rows.append(part.rows)
            self._lengths.append(part.microseconds)
        else:
            self._alike.append(_MIXED)
            self._rows.append(0)
            self._lengths.append(0)
            self._mixed[place] = one.parts

    def _parts(self, place: int) -> tuple[Part, ...]:
        alike = self._alike[place]
        if alike == _MIXED:
            return self._mixed[place]
        return (Part(self._keys[alike], self._rows[place], self._lengths[place]),)

    def deal(
        self,
        how: Publication,
        strata: Mapping[str, Sequence[Stratum]] | None = None,
        before: Mapping[str, str] | None = None,
    ) -> None:
        """Say which group goes into which split, once all recordings are there.

        strata: of samples, where groups are dealt out by labels. before: what was dealt out earlier.

        Raises UsageError: sources that are to name their split name none, or one that cannot be.
        """
        self._official = how.official is not None
        if self._official:
            self._check_official(how.groups[0])
        if how.stratify:
            self._split_of, self.dealt = dealt_by_labels(self._held(strata or {}), how, before or {})
            self.groups_in.update(self._split_of.values())
        for place, recording in enumerate(self._ids):
            own: set[str] = set()
            for part in self._parts(place):
                group = self._group(recording, part)
                self.groups[group] += part.rows
                if not any(part.keys):
                    self.ungrouped += part.rows
                if group not in self._split_of:
                    self._split_of[group] = str(part.keys[0]) if self._official else _dealt(group, how)
                    self.groups_in[self._split_of[group]] += 1
                split = self._split_of[group]
                self.rows[split] += part.rows
                self.microseconds[split] += part.microseconds
                own.add(split)
            self.places += len(own)
        self._known.clear()
        self.splits = (
            sorted(self.rows, key=lambda name: (_USUAL.get(name, len(_USUAL)), name))
            if isinstance(how.splits, str)
            else list(how.splits)
        )

    def _held(self, strata: Mapping[str, Sequence[Stratum]]) -> Iterator[Held]:
        for place, recording in enumerate(self._ids):
            parts = self._parts(place)
            found: list[Counter[Stratum]] = [Counter() for _ in parts]
            ids = self.samples.get(recording, ())
            for sample, at in zip(ids, self.part_of.get(recording, (0,) * len(ids)), strict=True):
                found[at].update(strata.get(sample, ()))
            for part, mine in zip(parts, found, strict=True):
                yield Held(self._group(recording, part), first_key(recording, part.keys), part.rows, mine)

    def _group(self, recording: str, part: Part) -> str:
        """Where sources name their split, nothing is grouped: a recording, or what of it is in one split."""
        if self._official:
            return json.dumps([0, recording, *part.keys], ensure_ascii=False)
        return self._grouping.group(recording, part.keys)

    def _check_official(self, column: str) -> None:
        named = [(recording, part.keys[0]) for place, recording in enumerate(self._ids) for part in self._parts(place)]
        without = [recording for recording, name in named if not name]
        if without:
            raise UsageError(
                f"{len(without)} recordings have no value in {column!r}, which names the split: "
                + ", ".join(without[:_SHOWN])
                + (", ..." if len(without) > _SHOWN else ""),
                do="fill the column in the table of sources, or leave those recordings out",
            )
        wrong = sorted({str(name) for _, name in named if not is_split_name(str(name))})
        if wrong:
            raise UsageError(f"{wrong[0]!r} in {column!r} cannot name a split", do=f"a name has {SPLIT_NAMES}")

    def placed_samples(self) -> Iterator[tuple[str, str, Keys]]:
        """Each sample with its split and its values in the columns to balance."""
        for place, recording in enumerate(self._ids):
            sides = [self._split_of[self._group(recording, part)] for part in self._parts(place)]
            ids = self.samples[recording]
            at = self.part_of.get(recording, (0,) * len(ids))
            yield from (
                (one, sides[part], keys) for one, part, keys in zip(ids, at, self.values[recording], strict=True)
            )

    def placed(self) -> Iterator[Placed]:
        """Each recording with the split its rows are in; once for each split where it has some."""
        for place, recording in enumerate(self._ids):
            parts: dict[str, list[Part]] = {}
            for part in self._parts(place):
                split = self._split_of[self._group(recording, part)]
                parts.setdefault(split, []).append(part)
            mark = self._marks[place * _MARK_BYTES : (place + 1) * _MARK_BYTES].hex()
            rows = sum(part.rows for mine in parts.values() for part in mine)
            for split, mine in parts.items():
                size = self._sizes[place] * sum(part.rows for part in mine) // rows
                keys = tuple(part.keys for part in mine) if len(parts) > 1 else None
                yield Placed(recording, mark, size, split, keys)


def survey(
    ids: Sequence[str], seen: Iterable[Seen], how: Publication, links: Mapping[str, str] | None = None
) -> Survey:
    """Put together what workers saw, and deal out groups, unless labels do it.

    seen: in any order. links: recordings of one name stay on one side of the split.

    Raises UsageError: there are no samples, a grouping column does not exist, or a column has types that no one type
    holds in two recordings.
    """
    found = Survey(links)
    schemas: dict[bytes, tuple[str, pa.Schema]] = {}
    for some in _in_order(seen):
        for one in some.recordings:
            found.add(ids[one.place], one)
        for key, (recording, schema) in some.schemas.items():
            schemas.setdefault(key, (recording, schema))
        _count(found, some)
    _check_groups(how.groups, found.kinds, "splits" if how.official else "group_by")
    for recording, schema in schemas.values():
        _unite_columns(recording, schema, found.types)
    found.types = {name: without_nulls(kind) for name, kind in found.types.items()}
    if not how.stratify:
        found.deal(how)
    if found.is_empty:
        raise NothingToPublish("there is nothing to publish: no recording has a sample", do="see `affectloom failures`")
    return found


def _dealt(group: str, how: Publication) -> str:
    return split_of(group, how.splits if isinstance(how.splits, dict) else {}, how.seed)


def _count(found: Survey, some: Seen) -> None:
    found.tally.forms += some.forms
    found.tally.origins += some.origins
    found.tally.languages += some.languages
    found.tally.speakers |= some.speakers
    found.tally.licences += some.licences
    found.tally.consents += some.consents
    found.tally.learnt += some.learnt
    found.failures += some.failures
    found.unread += some.unread
    found.spoken |= some.spoken
    found.samples |= some.samples
    found.extents |= some.extents
    found.part_of |= some.part_of
    found.values |= some.values
    found.people |= some.people
    for name, kinds in some.kinds.items():
        found.kinds.setdefault(name, set()).update(kinds)


def _in_order(seen: Iterable[Seen]) -> Iterator[Seen]:
    waiting: dict[int, Seen] = {}
    following = 0
    for some in seen:
        waiting[some.number] = some
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _unite_columns(recording: str, schema: "pa.Schema", types: dict[str, "pa.DataType"]) -> None:
    for column in schema:
        kind = settle(column.type)
        if kind is None:
            continue
        try:
            types[column.name] = unite(types[column.name], kind) if column.name in types else kind
        except ValueError as error:
            raise UsageError(
                f"the column {column.name!r} of {recording} does not go with that of the recordings before it: {error}",
                do="build all recordings with one recipe, then publish",
            ) from error


def _check_groups(groups: Sequence[str], extra: Mapping[str, object], field: str) -> None:
    known = [*GROUPS, *sorted(extra)]
    for key in groups:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"is {near[0]!r} meant? " if near else ""
            raise UsageError(
                f"publish.{field} names {key!r}, which is no column of the sources",
                do=f"{hint}there are {', '.join(known)}",
            )
