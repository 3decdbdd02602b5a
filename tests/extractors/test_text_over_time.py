"""Lines followed over pictures: what is one item, when it begins and ends, what it says."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.text_over_time import Look, alike, items, overlap, within
from extractors.text_reader import Line

BELOW = (0.2, 0.85, 0.8, 0.92)
ABOVE = (0.2, 0.05, 0.8, 0.12)


def looked(*pictures: str | list[Line]) -> list[Look]:
    """A picture a second, with one line at the lower edge (none for an empty text), or with the lines given."""
    lines = [one if isinstance(one, list) else [Line(one, BELOW, 0.9)] if one else [] for one in pictures]
    return [Look(at * 1_000_000, (at + 1) * 1_000_000, tuple(some)) for at, some in enumerate(lines)]


def told(looks: list[Look]) -> list[tuple[str, float, float, int]]:
    return [(item.text, item.start, item.end, item.frames) for item in items(looks)]


def test_a_line_that_stays_is_one_item():
    assert told(looked("", "I know.", "I know.", "I know.", "")) == [("I know.", 1, 4, 3)]


def test_one_text_after_the_other_is_two_items():
    assert told(looked("I know.", "I know.", "Do you?", "Do you?")) == [("I know.", 0, 2, 2), ("Do you?", 2, 4, 2)]


def test_a_misreading_is_outvoted():
    sure, poor = Line("A long sentence", BELOW, 0.95), Line("A lomg sentemce", (0.1, 0.8, 0.8, 0.95), 0.7)
    (item,) = items(looked([poor], [sure], [poor], [sure], [sure]))
    assert (item.text, item.frames, item.start, item.end) == ("A long sentence", 5, 0, 5)
    assert item.confidence == pytest.approx(0.95)
    assert (item.box.left, item.box.width) == (0.2, 0.6)


@pytest.mark.parametrize(("missed", "found"), [(1, 1), (2, 2)])
def test_a_line_may_be_overlooked_once(missed, found):
    assert len(items(looked("Still here", *[""] * missed, "Still here"))) == found


def test_another_number_is_another_text_unless_it_is_hardly_read():
    assert len(items(looked("Score 10:12", "Score 10:13"))) == 2
    doubtful = Line("Score 10:13", BELOW, 0.7)
    assert len(items(looked("Score 10:12", [doubtful]))) == 1


def test_the_same_text_in_two_places_is_two_items():
    both = [Line("Yes.", ABOVE, 0.9), Line("Yes.", BELOW, 0.9)]
    found = items(looked(both, both))
    assert [(item.text, item.frames, item.box.top) for item in found] == [("Yes.", 2, 0.05), ("Yes.", 2, 0.85)]


def test_a_line_that_moves_slowly_stays_one():
    pictures = [[Line("Moving credits", (0.2, 0.8 - 0.03 * at, 0.8, 0.87 - 0.03 * at), 0.9)] for at in range(8)]
    (item,) = items(looked(*pictures))
    assert item.frames == 8
    jumping = [[Line("Moving credits", (0.2, 0.8 - 0.2 * at, 0.8, 0.87 - 0.2 * at), 0.9)] for at in range(3)]
    assert len(items(looked(*jumping))) == 3


def test_case_and_spaces_do_not_part_readings():
    assert alike("Hello World", "HELLOWORLD") == 1
    assert alike("abc", "xyz") == 0
    assert alike("kitten", "sitten") == alike("sitten", "kitten") == pytest.approx(10 / 12)


def test_overlap_is_intersection_over_union():
    assert overlap((0, 0, 0.5, 0.5), (0, 0, 0.5, 0.5)) == 1
    assert overlap((0, 0, 0.5, 0.5), (0.25, 0, 0.75, 0.5)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5)) == 0


def test_only_what_is_seen_during_a_stretch_is_in_it():
    found = items(looked("One thing", "", "", "Another one"))
    assert [item.text for item in within(found, 1.0, 3.0)] == []
    assert [item.text for item in within(found, 0.9, 3.1)] == ["One thing", "Another one"]


lines = st.builds(
    Line,
    text=st.sampled_from(["I know", "I knew", "Do you?", "10", "11", "x"]),
    box=st.sampled_from([ABOVE, BELOW, (0.2, 0.8, 0.8, 0.9)]),
    confidence=st.sampled_from([0.6, 0.9]),
)


@given(st.lists(st.lists(lines, max_size=3), min_size=1, max_size=8))
def test_every_reading_is_in_one_item(pictures):
    looks = looked(*pictures)
    found = items(looks)
    assert sum(item.frames for item in found) == sum(map(len, pictures))
    assert all(0 <= item.start < item.end <= len(pictures) for item in found)
    assert all(item.frames <= item.end - item.start for item in found)
    said = Counter(line.text for some in pictures for line in some)
    assert all(item.text in said for item in found)
    assert found == sorted(found, key=lambda item: (item.start, item.box.top, item.box.left, item.text))
    # The items at any moment hold all that was read there.
    for at, some in enumerate(pictures):
        assert len(within(found, at, at + 1)) >= len(some)
