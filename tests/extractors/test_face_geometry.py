import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extractors.face_geometry import box, gaze_deg, head_pose_deg, mouth_open


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


@given(st.lists(st.floats(-1, 2), min_size=2, max_size=9), st.lists(st.floats(-1, 2), min_size=2, max_size=9))
def test_the_box_holds_all_landmarks_that_lie_in_the_picture(across, down):
    left, top, width, height = box(across, down)
    assert all(0 <= edge <= 1 for edge in (left, top, width, height))
    assert left + width <= 1 + 1e-9
    inside = [x for x in across if 0 <= x <= 1]
    assume(inside)
    assert left <= min(inside)
    assert left + width >= max(inside) - 1e-9
