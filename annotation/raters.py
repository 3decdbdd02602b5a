"""How each rater does: accuracy on gold, agreement with the others, pace, straight-lining. Nothing is removed."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.ratings import Floats, Ratings, Undefined

FEWEST = 10
"""Answers below which pace and straight-lining are not judged."""


@dataclass(frozen=True)
class RaterQuality:
    """One rater. gold: share of gold items answered right. others: share of the others' ratings that are the same."""

    rater: str
    answers: int
    gold: float | Undefined
    others: float | Undefined
    median_s: float | Undefined
    most_used: float
    """The share of the value given most often."""
    longest_run: int
    """The most answers in a row that are the same, in the order given."""
    flags: tuple[str, ...]


def rater_quality(
    table: Ratings,
    *,
    gold: Mapping[str, Hashable] | None = None,
    seconds: Mapping[tuple[str, str], float] | None = None,
    order: Mapping[str, Sequence[str]] | None = None,
    least_gold: float = 0.7,
    most_used: float = 0.95,
    fewest: int = FEWEST,
    far: float = 3.0,
) -> list[RaterQuality]:
    """What is known of each rater, and what to look at.

    Args:
        table: the ratings.
        gold: item to its right value.
        seconds: (item, rater) to how long the answer took.
        order: rater to items in the order they were answered; without it, by name.
        least_gold: accuracy on gold below which a rater is flagged.
        most_used: share of one value from which a rater is flagged, if the others' is lower.
        fewest: answers below which there are no flags but of gold.
        far: how far the median of the logarithm of seconds may lie from that of all raters, in deviations as the
            median absolute one tells them (times 1.4826), before a rater is flagged as fast or slow: Leys, Ley,
            Klein, Bernard, Licata (2013), Journal of Experimental Social Psychology 49(4), 764-766.
    """
    pace = _pace(table, seconds or {})
    apart = _apart(pace)
    row, by = np.nonzero(table.codes >= 0)
    _, same, often = np.unique(row * len(table.values) + table.codes[row, by], return_inverse=True, return_counts=True)
    alike = often[same.reshape(-1)] - 1
    others = np.bincount(row, minlength=len(table.items))[row] - 1
    used = np.bincount(table.codes[row, by], minlength=len(table.values))
    found = []
    for column, name in enumerate(table.raters):
        codes = table.codes[:, column]
        rated = np.flatnonzero(codes >= 0)
        many = len(rated)
        right = [table.values[codes[at]] == gold[table.items[at]] for at in rated if gold and table.items[at] in gold]
        mine, rest = alike[by == column].sum(), others[by == column].sum()
        shares = np.bincount(codes[rated], minlength=len(table.values)) / max(many, 1)
        of_others = used - shares * many
        usual = of_others.max() / of_others.sum() if of_others.sum() else 1.0
        accuracy = float(np.mean(right)) if right else Undefined("no gold item was answered")
        flags = []
        if not isinstance(accuracy, Undefined) and accuracy < least_gold:
            flags.append(f"{accuracy:.0%} of {len(right)} gold items right")
        if many >= fewest and shares.max() >= most_used and usual < most_used:
            flags.append(f"straight-lining: {shares.max():.0%} of the answers are the same")
        if many >= fewest and abs(apart[column]) > far:
            flags.append("fast" if apart[column] < 0 else "slow")
        found.append(
            RaterQuality(
                name,
                many,
                accuracy,
                float(mine / rest) if rest else Undefined("no item was rated by anybody else"),
                float(np.exp(pace[column])) if np.isfinite(pace[column]) else Undefined("no times are known"),
                float(shares.max()) if many else 0.0,
                _longest_run(table, column, (order or {}).get(name)),
                tuple(flags),
            )
        )
    return found


def _pace(table: Ratings, seconds: Mapping[tuple[str, str], float]) -> Floats:
    """The median of the logarithm of each rater's seconds; nan without any."""
    mine: dict[str, list[float]] = {}
    for (_, rater), taken in seconds.items():
        if taken > 0:
            mine.setdefault(rater, []).append(float(np.log(taken)))
    return np.array([np.median(mine[name]) if name in mine else np.nan for name in table.raters])


def _apart(pace: Floats) -> Floats:
    known = pace[np.isfinite(pace)]
    if len(known) < 3:  # noqa: PLR2004 - of two, neither is the odd one
        return np.zeros(len(pace))
    off = pace - np.median(known)
    # Raters within a tenth of one another are never far apart, however alike the rest are.
    width = max(1.4826 * float(np.median(np.abs(known - np.median(known)))), 0.1)
    return np.asarray(np.nan_to_num(off / width))


def _longest_run(table: Ratings, column: int, order: Sequence[str] | None) -> int:
    place = {item: at for at, item in enumerate(table.items)}
    rows = range(len(table.items)) if order is None else [place[item] for item in order if item in place]
    codes = [int(table.codes[at, column]) for at in rows if table.codes[at, column] >= 0]
    longest = run = 0
    before = None
    for code in codes:
        run = run + 1 if code == before else 1
        before = code
        longest = max(longest, run)
    return longest
