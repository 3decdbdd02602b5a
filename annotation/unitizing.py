"""Krippendorff's alpha for unitizing: raters both find stretches and label them, and are compared on both."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from annotation.ratings import Ints, Undefined
from annotation.spans import Span

Stretch = tuple[int, int]
"""Start, and end, which is not in it."""
NOTHING = Undefined("nobody marked anything")


@dataclass(frozen=True)
class Disagreement:
    """Of one label on one continuum, both as shares of the squared length."""

    observed: float
    expected: float

    @property
    def alpha(self) -> float | Undefined:
        """1 - observed / expected; 1 where raters agree, 0 where they agree as by chance."""
        return 1 - self.observed / self.expected if self.expected else Undefined("no disagreement is possible")


def unitizing_alpha(length: int, by_rater: Mapping[str, Collection[Span]]) -> float | Undefined:
    """Alpha over all labels: 1 - sum of observed / sum of expected disagreement. See `disagreements`.

    Where nobody marked anything it is undefined: that all saw nothing tells nothing of how they would mark something.
    """
    if len(by_rater) < 2:  # noqa: PLR2004
        return Undefined("only one rater")
    found = disagreements(length, by_rater).values()
    if not found:
        return NOTHING
    return Disagreement(sum(one.observed for one in found), sum(one.expected for one in found)).alpha


def disagreements(length: int, by_rater: Mapping[str, Collection[Span]]) -> dict[str, Disagreement]:
    """The disagreement on each label, by label, of at least two raters.

    For m raters and a continuum of L positions, cut by each rater into stretches of the label and gaps:

        D_o = sum over ordered pairs of raters, over sections g of one and h of the other, of d / (m (m - 1) L^2)
        d   = (start_g - start_h)^2 + (end_g - end_h)^2   where two stretches overlap
        d   = l^2                                         where one, of length l, lies within the other, a gap
        D_e = 2/L * sum over stretches of ((N - 1)/3 (2 l^3 - 3 l^2 + l) + l^2 * sum over gaps not shorter than l of
              (l_gap - l + 1)) / (m L (m L - 1) - sum over stretches of l (l - 1))

    with N stretches of the label in all. A rater's overlapping stretches of a label are taken as one; those that only
    touch stay two.

    Args:
        length: in positions, such as code points; for time, hundredths of a second are fine enough.
        by_rater: each rater's stretches; a rater who looked and marked nothing is there with none.

    Source: Krippendorff (2004), Content Analysis, 2nd edition, section 11.6; Krippendorff (1995), On the reliability of
    unitizing continuous data, Sociological Methodology 25, 47-76, https://doi.org/10.2307/271061.

    Raises:
        ValueError: a stretch is empty, runs backwards, or does not lie within the length.
    """
    for start, end, _ in (span for spans in by_rater.values() for span in spans):
        if not 0 <= start < end <= length:
            raise ValueError(f"a stretch from {start} to {end} does not lie within 0 to {length}")
    labels = sorted({label for spans in by_rater.values() for _, _, label in spans})
    return {
        label: _disagreement(length, [_merged(by_rater[who], label) for who in sorted(by_rater)]) for label in labels
    }


def joined(
    items: Iterable[tuple[int, Mapping[str, Collection[Span]]]], raters: Collection[str]
) -> tuple[int, dict[str, list[Span]]]:
    """Items one behind the other as one continuum, as chapters are; those that not all raters saw are left out.

    Args:
        items: length, and each rater's stretches.
        raters: whose stretches are wanted.
    """
    at = 0
    whole: dict[str, list[Span]] = {who: [] for who in raters}
    for length, by_rater in items:
        if all(who in by_rater for who in raters):
            for who in raters:
                whole[who] += [(at + start, at + end, label) for start, end, label in by_rater[who]]
            at += length
    return at, whole


def _merged(spans: Iterable[Span], label: str) -> list[Stretch]:
    found: list[Stretch] = []
    for start, end in sorted((start, end) for start, end, of in spans if of == label):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _gaps(length: int, stretches: Sequence[Stretch]) -> list[Stretch]:
    edges = [0, *(edge for stretch in stretches for edge in stretch), length]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _disagreement(length: int, by_rater: Sequence[Sequence[Stretch]]) -> Disagreement:
    many = len(by_rater)
    marked = [np.array(stretches, np.int64).reshape(-1, 2) for stretches in by_rater]
    apart = sum(_apart(mine, theirs) for mine, theirs in permutations(marked, 2))
    lengths = np.concatenate([mine[:, 1] - mine[:, 0] for mine in marked]).astype(np.float64)
    room = np.sort([end - start for mine in by_rater for start, end in _gaps(length, mine)]).astype(np.float64)
    # Of the gaps not shorter than each stretch: how many, and their summed length.
    first = np.searchsorted(room, lengths)
    number, total = len(room) - first, np.append(room[::-1].cumsum()[::-1], 0)[first]
    within = lengths**2 * (total + number * (1 - lengths))
    expected = ((len(lengths) - 1) / 3 * (2 * lengths**3 - 3 * lengths**2 + lengths) + within).sum()
    pairs = many * length * (many * length - 1) - float((lengths * (lengths - 1)).sum())
    return Disagreement(apart / (many * (many - 1) * length**2), 2 / length * float(expected) / pairs)


def _apart(mine: Ints, theirs: Ints) -> float:
    """What one of two raters adds: each pair of overlapping stretches, and own stretches within the other's gaps.

    The latter twice, because over ordered pairs it is met from both sides. mine, theirs: int64[stretches, 2], start and
    end, in order, none overlapping another of the same rater.
    """
    first, last = np.searchsorted(theirs[:, 1], mine[:, 0], "right"), np.searchsorted(theirs[:, 0], mine[:, 1])
    many = last - first
    alone = mine[many == 0]
    one = np.repeat(np.arange(len(mine)), many)
    other = np.arange(len(one)) - np.repeat(many.cumsum() - many, many) + np.repeat(first, many)
    overlapping = ((mine[one] - theirs[other]) ** 2).sum()
    return float(overlapping + 2 * ((alone[:, 1] - alone[:, 0]) ** 2).sum())
