"""The columns `weight` and `balanced`: what a recipe's `publish.balance` asks for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.publishing.labels import Labels
from pipelines.publishing.raked import MISSING, effective, raked, selected
from pipelines.publishing.ranges import range_of
from pipelines.publishing.survey import Survey
from schemas.errors import UsageError
from schemas.features import Features, value
from schemas.publication import GROUPS, Balance, Publication

WEIGHT_FEATURES: Features = {"weight": value("float64"), "balanced": value("bool")}


def check_columns(balance: Balance, seen: Survey, given: Labels) -> None:
    """Raises UsageError where a column to balance is not there."""
    known = [*given.features, *GROUPS, *sorted(seen.kinds)]
    for name in balance.by:
        if name not in known:
            raise UsageError(f"publish.balance names {name!r}, which is no column", do=f"there are {', '.join(known)}")


def weighted(seen: Survey, how: Publication, given: Labels) -> tuple[Labels, tuple[str, ...]]:
    """The labels with a weight for every sample, raked within each split, and what the card says of it.

    Raises UsageError: a column holds several values a sample.
    """
    balance = how.balance
    if balance is None:
        return given, ()
    rows: dict[str, dict[str, Any]] = {sample: dict(row) for sample, row in given.rows.items()}
    spans = {name: _span(given, name) for name in balance.by}
    splits: dict[str, list[str]] = {}
    cells: dict[str, list[tuple[object, ...]]] = {}
    for sample, split, keys in seen.placed_samples():
        row = given.rows.get(sample, {})
        cell = tuple(
            _binned(name, row.get(name), spans[name]) if name in given.features else key
            for name, key in zip(balance.by, keys, strict=True)
        )
        splits.setdefault(split, []).append(sample)
        cells.setdefault(split, []).append(cell)
    told = []
    for split in seen.splits:
        samples = splits.get(split, [])
        if not samples:
            continue
        codes = _codes(cells[split])
        weights = raked(codes, pairs=balance.pairs)
        kept = selected(weights, codes, samples, how.seed)
        for sample, weight, is_kept in zip(samples, weights.tolist(), kept.tolist(), strict=True):
            rows.setdefault(sample, {}).update(weight=weight, balanced=is_kept)
        told.append(f"{split} {int(kept.sum()):,} of {len(samples):,}, effective {effective(weights):,.0f}")
    names = ", ".join(f"`{name}`" for name in balance.by)
    each = "every pair of values that occurs" if balance.pairs else "every value"
    note = (
        f"`weight` gives {each} of {names} the same sum within a split (raking, Deming and Stephan 1940; mean 1), and "
        f"`balanced` marks samples drawn in proportion to it (Madow 1949). Samples so drawn, and as how many equally "
        f"weighted ones the weighted ones count (Kish 1965): {'; '.join(told)}."
    )
    return replace(given, rows=rows), (note,)


def _span(given: Labels, name: str) -> tuple[float, float]:
    numbers = [one for row in given.rows.values() if isinstance(one := row.get(name), float)]
    return (min(numbers), max(numbers)) if numbers else (0.0, 0.0)


def _binned(name: str, one: object, span: tuple[float, float]) -> object:
    if isinstance(one, list | Mapping):
        raise UsageError(
            f"publish.balance names {name!r}, which holds several values a sample", do="name a column of one value"
        )
    return range_of(one, *span) if isinstance(one, float) else one


def _codes(cells: list[tuple[object, ...]]) -> "np.ndarray[Any, np.dtype[np.int64]]":
    columns = []
    for column in zip(*cells, strict=True):
        known = {one: at for at, one in enumerate(sorted({one for one in column if one is not None}, key=_order))}
        columns.append([MISSING if one is None else known[one] for one in column])
    return np.array(columns, np.int64).T


def _order(one: object) -> tuple[str, object]:
    return (type(one).__name__, one)
