"""Which recordings share a shard, decided by their ids and sizes alone, and what each shard depends on."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipelines.publishing.looked import Keys
from pipelines.publishing.survey import Placed

_PLACES: int = 2**64
_MOST = 20_000
"""Recordings a unit, at most: what is known of them travels to its worker, and one more must not cost many others."""


class Member(NamedTuple):
    """A recording's part in a unit. keys: its rows there, by their grouping columns; None for all.

    labels: sample id to the values that answers give it.
    """

    id: str
    mark: str
    keys: tuple[Keys, ...] | None
    labels: dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Unit:
    """Recordings that one worker writes, to one shard, or to several where one recording is larger than that.

    digest: equal digests are equal bytes.
    """

    split: str
    number: int
    digest: str
    members: tuple[Member, ...]


def units(
    placed: Iterable[Placed], shard_bytes: int, base: object, labels: Mapping[str, dict[str, Mapping[str, Any]]]
) -> Iterator[Unit]:
    """Cut each split, in the order of the ids, where the hash of an id says so.

    Content-defined chunking (Muthitacharoen, Chen, Mazieres: A Low-bandwidth Network File System, SOSP 2001): whether
    a unit ends after a recording depends on that recording's id and size, so that a recording that is added, removed
    or grows moves the ends near it, and all others stay. A unit has at least a quarter of `shard_bytes`, half of it
    on average, and no more than `shard_bytes` unless one recording has. A recording counts as at least a 20,000th.

    Args:
        placed: in the order of the ids.
        shard_bytes: what a unit may take, by the sizes of its recordings.
        base: what all rows depend on. JSON-able.
        labels: recording to its samples' labels.
    """
    start = hashlib.sha256(json.dumps(base, ensure_ascii=False).encode()).hexdigest()
    open_: dict[str, list[Placed]] = {}
    sizes: dict[str, int] = {}
    numbers: dict[str, int] = {}

    def close(split: str) -> Unit:
        number = numbers.get(split, 0)
        numbers[split] = number + 1
        sizes[split] = 0
        return _unit(split, number, start, open_.pop(split), labels)

    for one in placed:
        split = one.split
        size = max(one.size, -(-shard_bytes // _MOST))
        if split in open_ and sizes[split] + size > shard_bytes:
            yield close(split)
        open_.setdefault(split, []).append(one)
        sizes[split] = sizes.get(split, 0) + size
        if sizes[split] * 4 >= shard_bytes and ends_unit(one.id, size, shard_bytes):
            yield close(split)
    for split in list(open_):
        yield close(split)


def ends_unit(recording: str, size: int, shard_bytes: int) -> bool:
    """Whether a unit that is large enough ends after this recording: once in a quarter of `shard_bytes`."""
    place: int = int.from_bytes(hashlib.sha256(recording.encode()).digest()[:8])
    return place * shard_bytes < 4 * size * _PLACES


def _unit(
    split: str,
    number: int,
    base: str,
    placed: Sequence[Placed],
    labels: Mapping[str, dict[str, Mapping[str, Any]]],
) -> Unit:
    members = tuple(Member(one.id, one.mark, one.keys, labels.get(one.id, {})) for one in placed)
    digest = hashlib.sha256(base.encode())
    for member in members:
        digest.update(json.dumps(member, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return Unit(split, number, digest.hexdigest()[:32], members)
