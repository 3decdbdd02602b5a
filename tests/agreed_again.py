"""Agreement by its definitions, pair by pair: a second implementation for tests."""

from collections import Counter
from itertools import combinations, permutations


def nominal(a, b):
    return float(a != b)


def interval(a, b):
    return float((a - b) ** 2)


def masi(a, b):
    """Passonneau 2006: one minus Jaccard times monotonicity."""
    a, b = set(a), set(b)
    if a == b:
        return 0.0
    monotone = 2 / 3 if a <= b or b <= a else 1 / 3 if a & b else 0
    return 1 - len(a & b) / len(a | b) * monotone


def jaccard(a, b):
    a, b = set(a), set(b)
    return 0.0 if a == b else 1 - len(a & b) / len(a | b)


def ordinal(values):
    """Krippendorff's ordinal distance, which depends on how often each value was given."""
    counts = Counter(values)

    def distance(a, b):
        low, high = sorted((a, b))
        between = sum(count for value, count in counts.items() if low <= value <= high)
        return float((between - (counts[low] + counts[high]) / 2) ** 2) if a != b else 0.0

    return distance


def alpha(units, distance):
    """Krippendorff 2011: one minus observed over expected distance. units: for each item, its values."""
    units = [unit for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]
    observed = sum(sum(distance(a, b) for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    expected = sum(distance(a, b) for a, b in permutations(values, 2)) / (len(values) - 1)
    return 1 - observed / expected


def fleiss(units):
    """Fleiss 1971, for items that the same number of raters rated."""
    units = [unit for unit in units if len(unit) > 1]
    (size,) = {len(unit) for unit in units}
    agree = [sum(a == b for a, b in combinations(unit, 2)) / (size * (size - 1) / 2) for unit in units]
    shares = Counter(value for unit in units for value in unit)
    chance = sum((count / (size * len(units))) ** 2 for count in shares.values())
    return (sum(agree) / len(agree) - chance) / (1 - chance)


def cohen(units):
    """Cohen 1960, of two raters in the same order."""
    agree = sum(a == b for a, b in units) / len(units)
    first, second = (Counter(rater) for rater in zip(*units, strict=True))
    chance = sum(count * second[value] for value, count in first.items()) / len(units) ** 2
    return (agree - chance) / (1 - chance)


def mean_wer(texts):
    """Word errors of each text against each other one as its reference, mean over ordered pairs."""
    pairs = list(permutations([text.split() for text in texts], 2))
    return sum(_edits(one, other) / len(one) for one, other in pairs) / len(pairs)


def _edits(one, other):
    if not one or not other:
        return len(one) + len(other)
    table = {(0, at): at for at in range(len(other) + 1)} | {(at, 0): at for at in range(len(one) + 1)}
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b))
    return table[len(one), len(other)]
