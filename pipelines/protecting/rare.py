"""Combinations of what is told of people that too few share."""

from collections.abc import Iterable

from pipelines.publishing.looked import Keys


def rare(people: Iterable[tuple[str, Keys]], k: int) -> frozenset[Keys]:
    """The combinations to publish as nothing, so that each that is left is shared by at least k people.

    k-anonymity (Sweeney 2002) by suppression. Who loses a combination becomes one of those of whom nothing is told;
    where these are fewer than k, the next larger combinations go too, the rarest first, until they are k.

    Args:
        people: who, and their values; once is enough, more often does no harm. All None: nothing is told of them.
        k: how many must share.
    """
    groups: dict[Keys, set[str]] = {}
    for who, values in people:
        groups.setdefault(values, set()).add(who)
    hidden: set[str] = set()
    for values in [values for values in groups if not any(one is not None for one in values)]:
        hidden |= groups.pop(values)
    order = sorted(groups, key=lambda values: (len(groups[values]), [one or "" for one in values], repr(values)))
    found: set[Keys] = set()
    for values in order:
        if len(groups[values]) >= k and (len(hidden) >= k or not found):
            break
        found.add(values)
        hidden |= groups[values]
    return frozenset(found)
