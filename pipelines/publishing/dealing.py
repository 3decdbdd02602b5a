"""Groups dealt out by their labels; those that an earlier publication dealt out stay where they are."""

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.publishing.splits import Group
from pipelines.publishing.stratified import FREE, Stratum, stratified
from schemas.errors import UsageError
from schemas.publication import Publication

DEALT = "dealt"
"""In the manifest: digests of what groups go by, to splits."""
_DIGITS = 16


class Held(NamedTuple):
    """Rows of one recording that are in one group. key: what finds the group. strata: rows in each stratum."""

    group: str
    key: Group
    rows: int
    strata: Counter[Stratum]


class Dealt(NamedTuple):
    """splits: of each group. told: the same for the next publication, under digests."""

    splits: dict[str, str]
    told: dict[str, str]


def deal(held: Iterable[Held], how: Publication, before: Mapping[str, str]) -> Dealt:
    """Deal groups out by iterative stratification.

    Args:
        held: of all recordings, in an order that does not matter.
        how: with shares.
        before: `Dealt.told` of the publication before this one. A group keeps its split, also where it has grown; one
            that joins groups of several splits goes where most of its rows were.
    """
    shares = how.splits if isinstance(how.splits, dict) else {}
    names = list(shares)
    rows: Counter[str] = Counter()
    strata: dict[str, Counter[Stratum]] = {}
    earlier: dict[str, Counter[str]] = {}
    keys: dict[str, set[str]] = {}
    for one in held:
        rows[one.group] += one.rows
        strata.setdefault(one.group, Counter()).update(one.strata)
        digest = _digest(how.seed, one.key)
        keys.setdefault(one.group, set()).add(digest)
        if before.get(digest) in shares:
            earlier.setdefault(one.group, Counter())[before[digest]] += one.rows
    groups = sorted(rows)
    columns = {one: at for at, one in enumerate(sorted({*_all(strata)}, key=_order))}
    counts = np.zeros((len(groups), len(columns) + 1), np.int64)
    fixed = np.full(len(groups), FREE, np.int64)
    for at, group in enumerate(groups):
        for stratum, count in strata[group].items():
            counts[at, columns[stratum]] = count
        counts[at, -1] = rows[group]
        if group in earlier:
            most = earlier[group]
            fixed[at] = names.index(min(most, key=lambda name: (-most[name], names.index(name))))
    found = stratified(counts, list(shares.values()), groups, fixed, how.seed)
    splits = {group: names[at] for group, at in zip(groups, found, strict=True)}
    told = {digest: splits[group] for group in groups for digest in keys[group]}
    return Dealt(splits, dict(sorted(told.items())))


def dealt_before(how: Publication, manifest: Mapping[str, Any]) -> dict[str, str]:
    """What the publication in the same folder dealt out, and the one that the recipe continues. Raises UsageError."""
    if not how.stratify:
        return {}
    told: dict[str, str] = {}
    if how.continues is not None:
        try:
            told |= json.loads(Path(how.continues).read_text("utf-8"))[DEALT]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"publish.continues: {how.continues} is no manifest of a dataset with stratified splits ({error})",
                do="name the manifest.json of the earlier publication",
            ) from error
    return told | dict(manifest.get(DEALT, {}))


def _digest(seed: str, key: Group) -> str:
    """Names of speakers are not for the manifest."""
    return hashlib.sha256(json.dumps([seed, *key], ensure_ascii=False).encode()).hexdigest()[:_DIGITS]


def _all(strata: Mapping[str, Counter[Stratum]]) -> Iterable[Stratum]:
    return (one for mine in strata.values() for one in mine)


def _order(stratum: tuple[str, Hashable]) -> str:
    return json.dumps(stratum)
