import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.face_tracks import assign, glance, is_cut, stable_ids

HOP_US = 100_000


def follow(frames, scene=None, **options):
    """Ids of frames given as lists of boxes (left, top, side), as lists of ids."""
    frame = np.array([index for index, boxes in enumerate(frames) for _ in boxes], np.int64)
    boxes = np.array([(left, top, side, side) for boxes in frames for left, top, side in boxes]).reshape(-1, 4)
    scene = np.zeros(len(frames), np.int64) if scene is None else np.array(scene)
    ids = stable_ids(frame, np.arange(len(frames)) * HOP_US, boxes, scene, **options).tolist()
    return [[ids.pop(0) for _ in boxes] for boxes in frames]


STILL = [(0.1, 0.2, 0.2), (0.6, 0.2, 0.2), (0.35, 0.6, 0.25)]


@given(st.lists(st.permutations(range(3)), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_in_which_a_frame_names_its_faces_is_not_identity(orders, random):
    jitter = lambda: random.uniform(-0.02, 0.02)  # noqa: E731
    frames = [[(STILL[k][0] + jitter(), STILL[k][1] + jitter(), STILL[k][2]) for k in order] for order in orders]
    names = [dict(zip(order, ids, strict=True)) for order, ids in zip(orders, follow(frames), strict=True)]
    assert all(name == names[0] for name in names)
    assert sorted(names[0].values()) == [0, 1, 2]


@given(st.lists(st.lists(st.tuples(*[st.floats(0, 1)] * 2, st.floats(0.02, 0.5)), max_size=5), max_size=15))
def test_two_faces_of_a_frame_never_share_an_id_and_ids_are_numbered_as_they_appear(frames):
    ids = follow(frames)
    assert all(len(set(mine)) == len(mine) for mine in ids)
    first_seen = list(dict.fromkeys(name for mine in ids for name in sorted(mine)))
    assert first_seen == list(range(len(first_seen)))


def test_new_faces_are_numbered_from_left_to_right():
    assert follow([[STILL[1], STILL[0]]]) == [[1, 0]]


def test_faces_that_pass_each_other_keep_their_ids():
    steps = np.linspace(0, 1, 31)
    frames = [[(0.1 + 0.6 * s, 0.3, 0.2), (0.7 - 0.6 * s, 0.34, 0.2)] for s in steps]
    assert follow(frames) == [[0, 1]] * 31


def test_a_face_hidden_while_it_walks_behind_another_comes_back_as_itself():
    steps = np.linspace(0, 1, 31)
    frames = [[(0.4, 0.3, 0.2)] + ([(0.8 * s, 0.3, 0.2)] if abs(0.8 * s - 0.4) > 0.06 else []) for s in steps]
    ids = follow(frames)
    assert [len(mine) for mine in ids].count(1) >= 3
    assert [mine[0] for mine in ids] == [ids[0][0]] * 31
    assert {mine[1] for mine in ids if len(mine) > 1} == {ids[0][1]}


@pytest.mark.parametrize(("missing", "expected"), [(1, 0), (9, 0), (10, 1), (30, 1)])
def test_a_short_gap_is_bridged_and_a_long_one_is_not(missing, expected):
    frames = [[STILL[0]], *[[]] * missing, [STILL[0]]]
    assert follow(frames, longest_gap_s=1.0)[-1] == [expected]


def test_nothing_is_linked_across_a_cut_even_at_the_same_place():
    assert follow([[STILL[0]]] * 4, scene=[0, 0, 1, 1]) == [[0], [0], [1], [1]]
    assert follow([[STILL[0]], [], [STILL[0]]], scene=[0, 1, 1]) == [[0], [], [1]]


def test_a_face_somewhere_else_is_another_face():
    assert follow([[(0.1, 0.1, 0.2)], [(0.7, 0.1, 0.2)]]) == [[0], [1]]
    assert follow([[(0.3, 0.3, 0.1)], [(0.2, 0.2, 0.3)]]) == [[0], [1]]


def test_no_observation_at_all():
    assert follow([[], []]) == [[], []]
    assert follow([]) == []


@given(st.integers(0, 4), st.integers(0, 3), st.data())
def test_the_assignment_is_the_cheapest_of_all(rows, more, data):
    columns = rows + more
    numbers = st.floats(0, 3, width=32)
    cost = [[data.draw(numbers) for _ in range(columns)] for _ in range(rows)]
    chosen = assign(cost)
    assert len(set(chosen)) == rows
    cheapest = min(sum(cost[r][c] for r, c in enumerate(way)) for way in itertools.permutations(range(columns), rows))
    assert sum(cost[r][c] for r, c in enumerate(chosen)) == pytest.approx(cheapest, abs=1e-9)


def test_more_rows_than_columns_cannot_be_assigned():
    with pytest.raises(ValueError, match="2 rows"):
        assign([[1.0], [2.0]])


def picture(seed, colours):
    """Smooth blobs of the given colours."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, len(colours), (6, 8))
    return np.array(colours, np.uint8)[small].repeat(40, axis=0).repeat(40, axis=1)


def test_another_scene_is_a_cut_and_a_moving_or_dimmed_one_is_not():
    room = picture(1, [(200, 190, 180), (90, 60, 40), (30, 90, 160)])
    street = picture(2, [(20, 30, 20), (120, 160, 220), (240, 240, 245)])
    assert is_cut(glance(room), glance(street))
    assert not is_cut(glance(room), glance(room))
    assert not is_cut(glance(room), glance(np.roll(room, 12, axis=1)))
    assert not is_cut(glance(room), glance((room * 0.95).astype(np.uint8)))
    assert is_cut(glance(room), glance(room[:200]))
