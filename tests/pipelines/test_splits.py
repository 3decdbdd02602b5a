from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.publishing.splits import groups_of, split_of

SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}
values = st.one_of(st.none(), st.sampled_from("abcdef"))
rows = st.lists(st.tuples(st.sampled_from(["r1", "r2", "r3"]), st.tuples(values, values)), max_size=30)


def components(table):
    """Rows linked by equal values, by plain search."""
    keyed = [
        {(place, value) for place, value in enumerate(given) if value is not None} or {("recording", recording)}
        for recording, given in table
    ]
    labels = list(range(len(table)))
    for _ in table:
        for one in range(len(table)):
            for other in range(len(table)):
                if keyed[one] & keyed[other]:
                    labels[one] = labels[other] = min(labels[one], labels[other])
    return labels


@settings(deadline=None)
@given(rows)
def test_groups_are_the_connected_components(table):
    found, truth = groups_of(table), components(table)
    for one in range(len(table)):
        for other in range(len(table)):
            assert (found[one] == found[other]) == (truth[one] == truth[other])


@settings(deadline=None)
@given(rows, rows)
def test_one_grouping_column_is_never_moved_by_growth(before, added):
    one_column = [(recording, given[:1]) for recording, given in before]
    more = [(recording, given[:1]) for recording, given in added]
    assert groups_of(one_column + more)[: len(one_column)] == groups_of(one_column)


@settings(deadline=None)
@given(rows, st.randoms())
def test_the_order_of_rows_does_not_matter(table, random):
    places = list(range(len(table)))
    random.shuffle(places)
    shuffled = groups_of([table[place] for place in places])
    assert [shuffled[places.index(place)] for place in range(len(table))] == groups_of(table)


def test_a_new_dialogue_of_a_known_speaker_does_not_move_the_speaker():
    before = [("r1", ("ann", "m")), ("r2", ("ann", "n"))]
    assert groups_of([*before, ("r0", ("ann", "a"))])[:2] == groups_of(before)


def test_a_missing_value_falls_back_to_the_recording_and_does_not_join_others():
    assert len(set(groups_of([("r1", (None,)), ("r2", (None,)), ("r1", (None,)), ("r3", ("r1",))]))) == 3


@pytest.mark.parametrize("splits", [SPLITS, {"a": 0.5, "b": 0.5}, {"only": 1.0}])
def test_shares_are_approached_for_many_groups(splits):
    many = 20_000
    counts = Counter(split_of(f"speaker {number}", splits) for number in range(many))
    for name, share in splits.items():
        # Five standard deviations of a binomial count.
        assert abs(counts[name] - many * share) <= 5 * (many * share * (1 - share)) ** 0.5


def test_another_seed_deals_anew():
    dealt = [[split_of(f"s{number}", {"a": 0.5, "b": 0.5}, seed) for number in range(1000)] for seed in ("", "x")]
    agree = sum(one == other for one, other in zip(*dealt, strict=True))
    assert 400 < agree < 600


def test_the_split_of_a_group_is_the_published_rule():
    # sha256('["", "ann"]') begins with these bytes, computed with coreutils' sha256sum.
    place = int("6e683e0e94e964b2", 16) / 2**64
    assert split_of("ann", {"low": place, "high": 1 - place}) == "high"
    assert split_of("ann", {"low": place + 1e-9, "high": 1 - place - 1e-9}) == "low"
