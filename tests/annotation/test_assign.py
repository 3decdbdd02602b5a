"""Items are dealt out evenly, so that agreement between all raters can be computed."""

from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.assign import Assigned, assign, from_bytes, item_of, overlap, to_bytes
from schemas.errors import StoreError, UsageError


def items(count):
    return [f"clip#{at:04d}" for at in range(count)]


def people(count):
    return [f"rater-{at}" for at in range(count)]


@given(count=st.integers(1, 60), raters=st.integers(1, 6), data=st.data())
def test_every_item_gets_its_raters_and_loads_differ_by_one(count, raters, data):
    each = data.draw(st.integers(1, raters))
    plan = assign(items(count), people(raters), each=each)
    assert sorted(one.item for one in plan) == items(count)
    assert all(len(set(one.raters)) == each for one in plan)
    loads = Counter(rater for one in plan for rater in one.raters)
    assert sum(loads.values()) == count * each
    assert max(loads.values()) - min(loads[rater] for rater in people(raters)) <= 1


def test_all_pairs_of_raters_meet_about_equally_often():
    plan = assign(items(600), people(5), each=2)
    met = overlap(plan)
    assert set(met) == set(combinations(people(5), 2))
    assert sum(met.values()) == 600
    assert max(met.values()) - min(met.values()) <= 30


def test_where_few_items_are_shared_the_others_have_one_rater():
    plan = assign(items(100), people(4), each=3, shared=0.2)
    assert Counter(len(one.raters) for one in plan) == {3: 20, 1: 80}


def test_known_answers_go_to_everybody_and_are_spread():
    known = items(100)[::20]
    plan = assign(items(100), people(4), each=2, gold=known)
    places = [at for at, one in enumerate(plan) if one.why == "gold"]
    assert {plan[at].item for at in places} == set(known)
    assert all(plan[at].raters == tuple(people(4)) for at in places)
    assert min(later - earlier for earlier, later in pairwise(places)) > 10


def test_a_repeat_comes_to_the_same_rater_long_after_the_first_time():
    plan = assign(items(200), people(4), each=2, repeats=0.1)
    first = {one.item: (at, one) for at, one in enumerate(plan) if one.why == "plain"}
    again = [(at, one) for at, one in enumerate(plan) if one.why == "repeat"]
    for at, one in again:
        before, earlier = first[one.item]
        assert set(one.raters) <= set(earlier.raters)
        assert item_of(one.key) == one.item != one.key
        assert at >= 100 > before - 5
    assert Counter(rater for _, one in again for rater in one.raters) == dict.fromkeys(people(4), 10)


def test_the_same_arguments_deal_the_same_and_another_seed_otherwise():
    assert assign(items(50), people(3), each=2) == assign(items(50), people(3), each=2)
    assert assign(items(50), people(3), each=2) != assign(items(50), people(3), each=2, seed="b")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"each": 4}, "4 raters an item, but there are 3"),
        ({"each": 0}, "0 raters"),
        ({"each": 1, "shared": 0.0}, "between 0 and 1"),
        ({"each": 1, "repeats": 1.5}, "between 0 and 1"),
        ({"each": 1, "gold": ["other#0001"]}, "no such item: 'other#0001'"),
    ],
)
def test_what_cannot_be_done_is_told(how, said):
    with pytest.raises(UsageError, match=said):
        assign(items(5), people(3), **how)


def test_a_rater_named_twice_is_told():
    with pytest.raises(UsageError, match="twice"):
        assign(items(5), ["a", "a"], each=1)


def test_a_plan_goes_through_its_file():
    plan = assign(items(20), people(3), each=2, gold=items(2), repeats=0.2)
    assert from_bytes(to_bytes(plan), "plan") == plan
    assert isinstance(plan[0], Assigned)
    with pytest.raises(StoreError, match=r"assignments\.jsonl is damaged"):
        from_bytes(b"{}\n", "assignments.jsonl")
