"""Who answers what: so many raters an item, pairs that overlap, known answers and repeats mixed in.

The community edition of Label Studio gives every user every task. So the plan is kept here: each task carries the
pseudonyms of its raters, each rater gets a tab of the project that shows their tasks alone, and what somebody
answered beyond the plan is told when answers are pulled.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Literal

from schemas.errors import StoreError, UsageError

Why = Literal["plain", "gold", "repeat", "round"]
AGAIN, ROUND = "~again", "~round"


@dataclass(frozen=True)
class Assigned:
    """One task and who answers it. key: the item's id, with a suffix where the item is asked about again."""

    key: str
    item: str
    raters: tuple[str, ...]
    why: Why = "plain"


def item_of(key: str) -> str:
    """The sample that a task is about."""
    return key.partition("~")[0]


def assign(
    items: Sequence[str],
    raters: Sequence[str],
    *,
    each: int,
    shared: float = 1.0,
    gold: Collection[str] = (),
    repeats: float = 0.0,
    seed: str = "",
) -> list[Assigned]:
    """Deal items out. Loads differ by one item at most, and pairs of raters meet about equally often.

    The list is in the order in which tasks should be shown: shuffled, known answers spread evenly, repeats in the
    second half. The same arguments give the same list.

    Args:
        items: ids of samples, each once.
        raters: at least `each`.
        each: raters for each item.
        shared: share of the items that get `each` raters; the others get one. Agreement is known from the shared.
        gold: items whose answers are known: every rater gets them.
        repeats: share of each rater's items that the rater answers twice, to see how steady they are.
        seed: another one deals anew.

    Raises:
        UsageError: it cannot be done so.
    """
    _check(items, raters, each, shared, gold, repeats)
    order = sorted(items, key=lambda item: _hash(seed, "order", item))
    loads: Counter[str] = Counter(dict.fromkeys(raters, 0))
    pairs: Counter[frozenset[str]] = Counter()
    plain = []
    several = math.ceil(shared * len(items))
    singles = set(sorted(items, key=lambda item: _hash(seed, "shared", item))[several:])
    for item in order:
        if item in gold:
            continue
        chosen = _choose(item, 1 if item in singles else each, loads, pairs, seed)
        plain.append(Assigned(item, item, tuple(sorted(chosen))))
    known = [Assigned(item, item, tuple(sorted(raters)), "gold") for item in order if item in gold]
    return _spread(_spread(plain, known, 0.0), _repeats(plain, raters, repeats, seed), 0.5)


def _check(  # noqa: PLR0917 - those of `assign`
    items: Sequence[str], raters: Sequence[str], each: int, shared: float, gold: Collection[str], repeats: float
) -> None:
    if len(set(raters)) < len(raters) or len(set(items)) < len(items):
        raise UsageError("a rater or an item is named twice", do="name each once")
    if not 1 <= each <= len(raters):
        raise UsageError(f"{each} raters an item, but there are {len(raters)}", do="name more raters, or ask for fewer")
    if not 0 < shared <= 1 or not 0 <= repeats <= 1:
        raise UsageError("shares lie between 0 and 1", do="0.1 is a tenth")
    if strange := sorted(set(gold) - set(items)):
        raise UsageError(f"no such item: {strange[0]!r}, named as gold", do="gold items are samples of the dataset")


def _choose(item: str, count: int, loads: Counter[str], pairs: Counter[frozenset[str]], seed: str) -> list[str]:
    chosen: list[str] = []
    for _ in range(count):
        left = [rater for rater in loads if rater not in chosen]
        best = min(
            left,
            key=lambda rater: (
                loads[rater],
                sum(pairs[frozenset((rater, other))] for other in chosen),
                _hash(seed, item, rater),
            ),
        )
        chosen.append(best)
    loads.update(chosen)
    pairs.update(frozenset(pair) for pair in combinations(chosen, 2))
    return chosen


def _repeats(plain: Sequence[Assigned], raters: Sequence[str], share: float, seed: str) -> list[Assigned]:
    again: dict[str, list[str]] = {}
    for rater in raters:
        # From the first half: between the two answers there should be many others.
        first = [one.item for one in plain[: len(plain) // 2 + 1] if rater in one.raters]
        wanted = math.ceil(share * sum(rater in one.raters for one in plain))
        for item in sorted(first, key=lambda item: _hash(seed, "again", rater, item))[:wanted]:
            again.setdefault(item, []).append(rater)
    return [Assigned(f"{item}{AGAIN}", item, tuple(sorted(again[item])), "repeat") for item in sorted(again)]


def _spread(into: Sequence[Assigned], these: Sequence[Assigned], start: float) -> list[Assigned]:
    """Put `these` evenly into a list, from a share of its length on."""
    if not these:
        return list(into)
    free = len(into) * (1 - start)
    places = [(round(len(into) * start + free * (at + 1) / (len(these) + 1)), one) for at, one in enumerate(these)]
    mixed: list[Assigned] = []
    done = 0
    for place, one in places:
        mixed += [*into[done:place], one]
        done = max(done, place)
    return [*mixed, *into[done:]]


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def overlap(assigned: Iterable[Assigned]) -> dict[tuple[str, str], int]:
    """For each two raters, how many items both answer."""
    pairs: Counter[tuple[str, str]] = Counter()
    for one in assigned:
        if one.why != "repeat":
            pairs.update(combinations(sorted(one.raters), 2))
    return dict(sorted(pairs.items()))


def to_bytes(assigned: Iterable[Assigned]) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n" for one in assigned)


def from_bytes(data: bytes, path: str) -> list[Assigned]:
    """What `to_bytes` wrote. Raises StoreError on anything else."""
    try:
        rows = [json.loads(line) for line in data.split(b"\n") if line.strip()]
        return [Assigned(row["key"], row["item"], tuple(row["raters"]), row["why"]) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: {error!r}", do="`affectloom annotate assign` writes it anew") from error
