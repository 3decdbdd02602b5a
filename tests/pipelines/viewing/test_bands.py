"""Stretches of a sample's clock as the page shows them."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipelines.viewing.bands import bands, on_pictures


def turn(start, end, voice, **more):
    return {"start": start, "end": end, "voice": voice, "face_id": None, "overlap": 0.0} | more


def line(start, end, text):
    return {"start": start, "end": end, "text": text}


def test_turns_are_told_on_the_samples_own_clock_a_row_a_voice():
    row = {
        "end": 14.0,
        "voices": [turn(9.0, 11.5, 2, face_id=0), turn(12.0, 15.0, 7, overlap=0.3), turn(13.0, 13.5, 2)],
    }
    (found,) = bands(row, 10.0)
    assert found.name == "voices"
    assert found.rows == ("voice 2", "voice 7")
    assert [(one.start, one.end, one.row, one.label) for one in found.stretches] == [
        (0.0, 1.5, 0, "voice 2, face 0"),
        (2.0, 4.0, 1, "voice 7 (two may speak)"),
        (3.0, 3.5, 0, "voice 2"),
    ]


def test_lines_that_are_seen_together_are_in_rows_of_their_own():
    row = {"end": 9.0, "ocr": [line(0, 4, "title"), line(1, 2, "first"), line(2, 3, "second"), line(4, 9, "end")]}
    (found,) = bands(row, 0.0)
    assert [(one.label, one.row) for one in found.stretches] == [("title", 0), ("first", 1), ("second", 1), ("end", 0)]
    crowd = {"end": 9.0, "ocr": [line(0, 9, str(number)) for number in range(8)]}
    (found,) = bands(crowd, 0.0)
    assert (len(found.rows), len(found.stretches), found.left_out) == (6, 6, 2)


def test_what_is_not_there_has_no_band():
    assert bands({"end": 3.0, "voices": [], "ocr": None}, 0.0) == ()
    assert bands({"end": None, "ocr": [line(None, None, "a")]}, 0.0) == ()
    assert on_pictures({"ocr": [line(None, None, "one does not"), line(None, None, "simply")]}) == (
        ("on the picture", "one does not / simply"),
    )
    assert on_pictures({"ocr": [line(0, 1, "a")]}) == on_pictures({"ocr": None}) == ()


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=25))
def test_no_two_lines_of_a_row_touch_and_none_is_lost_untold(spans):
    lines = [line(start, start + length, "x") for start, length in spans]
    for found in bands({"end": 40.0, "ocr": lines}, 0.0):
        assert len(found.stretches) + found.left_out == len(lines)
        for row in range(len(found.rows)):
            mine = [one for one in found.stretches if one.row == row]
            assert all(one.end <= other.start for one, other in itertools.pairwise(mine))
