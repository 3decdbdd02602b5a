"""Agreement on stretches, links, sets and transcripts."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import combinations

import numpy as np

from annotation.alpha import krippendorff_alpha, set_distance
from annotation.bootstrap import Statistic
from annotation.kappa import fleiss_kappa
from annotation.ratings import Undefined, ratings

Span = tuple[int, int, str]
"""Start, end (code points, or milliseconds; the end is not in it), label."""


def set_alpha(answers: Iterable[tuple[str, str, frozenset[str]]], *, masi: bool = True) -> Statistic | Undefined:
    """Krippendorff's alpha of sets of labels, with the distance MASI or Jaccard; of (item, rater, labels)."""
    rows = list(answers)
    order = sorted({given for _, _, given in rows}, key=sorted)
    return krippendorff_alpha(ratings(rows, order), distance=set_distance(order, masi=masi))


def label_kappas(answers: Iterable[tuple[str, str, frozenset[str]]]) -> dict[str, float | Undefined]:
    """Fleiss' kappa of each label of a multi-label question: chosen, or not."""
    rows = list(answers)
    found: dict[str, float | Undefined] = {}
    for label in sorted({label for _, _, given in rows for label in given}):
        one = fleiss_kappa(ratings((item, rater, label in given) for item, rater, given in rows))
        found[label] = one if isinstance(one, Undefined) else one.value()
    return found


def span_f1(one: Collection[Span], other: Collection[Span]) -> float | Undefined:
    """F1 of what two raters marked, by length: twice the shared length of equal labels over the sum of lengths.

    Overlapping stretches of a rater with the same label count once. Symmetric: neither rater is the truth
    (Hripcsak, Rothschild (2005), JAMIA 12(3), 296-298).
    """
    mine, theirs = _marked(one), _marked(other)
    total = len(mine) + len(theirs)
    return 2 * len(mine & theirs) / total if total else Undefined("neither rater marked anything")


def _marked(spans: Collection[Span]) -> set[tuple[int, str]]:
    return {(at, label) for start, end, label in spans for at in range(start, end)}


def span_alpha(items: Iterable[tuple[str, int, dict[str, Collection[Span]]]]) -> Statistic | Undefined:
    """Krippendorff's nominal alpha over positions: each is a unit, with its set of labels (often none) as the value.

    Not the unitizing alpha (`annotation.unitizing`), which compares stretches as wholes: here each position counts
    alike.

    Args:
        items: id, length in positions, and each rater's stretches; a rater who looked and marked nothing is there
            with none.

    Raises:
        SourceTableError: there are no items, or none has a length.
    """
    rows: list[tuple[str, str, Hashable]] = []
    for item, length, by_rater in items:
        for rater, spans in by_rater.items():
            labels: list[set[str]] = [set() for _ in range(length)]
            for start, end, label in spans:
                for at in range(max(start, 0), min(end, length)):
                    labels[at].add(label)
            rows += [(f"{item}@{at}", rater, tuple(sorted(here))) for at, here in enumerate(labels)]
    table = ratings(rows)
    whole = krippendorff_alpha(table)
    if isinstance(whole, Undefined):
        return whole
    # Resampled are items, not positions, which hang together.
    name = np.array([item.rpartition("@")[0] for item in table.items])
    names, of = np.unique(name, return_inverse=True)
    positions = np.zeros((len(names), len(whole.rows)))
    np.add.at(positions, (of.reshape(-1), whole.pattern), 1)
    return Statistic(positions, np.arange(len(names)), whole.of_weights)


def link_f1(one: Collection[Hashable], other: Collection[Hashable]) -> float | Undefined:
    """F1 of the links that two raters drew, such as (utterance, cause): twice those of both over those of each."""
    mine, theirs = set(one), set(other)
    total = len(mine) + len(theirs)
    return 2 * len(mine & theirs) / total if total else Undefined("neither rater drew a link")


def edits(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and replacements that turn one into the other.

    A column of Levenshtein's matrix is held as the bits of two numbers, where it rises and where it falls, so that an
    element of `other` costs some operations on numbers.

    Source: Levenshtein (1966), Soviet Physics Doklady 10(8), 707-710; Myers (1999), JACM 46(3), 395-415, as Hyyrö
    (2003), Nordic Journal of Computing 10(1), 29-39, has it for whole sequences.
    """
    if not one:
        return len(other)
    places: dict[Hashable, int] = {}
    for at, mine in enumerate(one):
        places[mine] = places.get(mine, 0) | 1 << at
    everywhere, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    rises, falls, found = everywhere, 0, len(one)
    for theirs in other:
        same = places.get(theirs, 0)
        down = same | falls
        across = (((same & rises) + rises) ^ rises) | same
        more, less = falls | (everywhere & ~(across | rises)), rises & across
        found += bool(more & last) - bool(less & last)
        more, less = (more << 1) | 1, less << 1
        rises = (less | ~(down | more)) & everywhere
        falls = more & down & everywhere
    return found


def _elements(text: str, *, words: bool) -> list[str]:
    """Words, or characters with blanks between words counted once."""
    return text.split() if words else list(" ".join(text.split()))


def error_rate(reference: str, other: str, *, words: bool = True) -> float | Undefined:
    """The word error rate (WER), or of characters (CER), blanks between words counted once; may exceed 1."""
    one, two = _elements(reference, words=words), _elements(other, words=words)
    return edits(one, two) / len(one) if one else Undefined("the reference is empty")


def transcripts_apart(texts: Sequence[str], *, words: bool = True) -> float | Undefined:
    """The error rate between raters' transcripts of one item: mean over ordered pairs with a reference."""
    if len(texts) < 2:  # noqa: PLR2004
        return Undefined("only one rater")
    each = [_elements(text, words=words) for text in texts]
    # As many edits lead from one to the other as back; either is the reference once.
    pairs = [(edits(one, two), len(one), len(two)) for one, two in combinations(each, 2)]
    rates = [apart / length for apart, *lengths in pairs for length in lengths if length]
    return float(np.mean(rates)) if rates else Undefined("every transcript is empty")


def recognition_error(corrected: Iterable[tuple[str, str]]) -> float | Undefined:
    """The word error rate of recognised texts over all, against what raters made of each.

    corrected: the recognised text and a rater's. Words as written, so that punctuation and case count: edits over all
    pairs, over the words of all raters' texts.
    """
    wrong = total = 0
    for heard, said in corrected:
        reference = said.split()
        wrong += edits(reference, heard.split())
        total += len(reference)
    return wrong / total if total else Undefined("nobody wrote a word")
