"""Cuts in drawn pictures of which every change is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.shots import find_cuts

FRAME_US = 40_000


def scene(seed, frames, *, drift=0.0, noise=2.0):
    """A blurred random texture, 48 x 27, that moves by `drift` pixels a frame under a little noise."""
    random = np.random.default_rng(seed)
    wide = random.integers(0, 256, (3, 60, 3)).repeat(9, axis=0).repeat(9, axis=1).astype(float)
    wide = sum(np.roll(wide, shift, 1) for shift in range(9)) / 9
    shown = []
    for number in range(frames):
        start = round(number * drift)
        shown.append(np.clip(wide[:, start : start + 48] + random.normal(0, noise, (27, 48, 3)), 0, 255))
    return [picture.astype(np.uint8) for picture in shown]


def cuts(pictures, times=None):
    times = [number * FRAME_US for number in range(len(pictures))] if times is None else times
    return find_cuts(zip(times, pictures, strict=True))


@given(st.lists(st.integers(8, 40), min_size=1, max_size=8), st.integers(0, 10_000))
def test_every_cut_and_no_other(lengths, seed):
    pictures = [picture for n, length in enumerate(lengths) for picture in scene(seed + n, length)]
    assert cuts(pictures) == [int(at) * FRAME_US for at in np.cumsum(lengths)[:-1]]


@given(st.lists(st.integers(20_000, 120_000), min_size=40, max_size=40), st.integers(0, 100))
def test_times_are_the_pictures_own(steps, seed):
    pictures = scene(seed, 20) + scene(seed + 1, 20)
    times = np.cumsum(steps).tolist()
    assert cuts(pictures, times) == [times[20]]


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_flash_is_no_cut(frames):
    pictures = scene(1, 60)
    for number in range(30, 30 + frames):
        pictures[number] = np.clip(pictures[number].astype(int) + 150, 0, 255).astype(np.uint8)
    assert cuts(pictures) == []


@pytest.mark.parametrize("drift", [0.5, 1.0, 2.0])
def test_motion_is_no_cut(drift):
    assert cuts(scene(3, 120, drift=drift)) == []
    moving = scene(4, 60, drift=drift) + scene(5, 60, drift=drift)
    assert cuts(moving) == [60 * FRAME_US]


@pytest.mark.parametrize("shown", [2, 3])
def test_pictures_shown_several_times_are_no_cuts(shown):
    """Film at 12 or 8 pictures a second in a stream of 24: most steps are zero, the others look large."""
    pictures = [picture for picture in scene(6, 40, drift=4.0, noise=0) for _ in range(shown)]
    assert cuts(pictures) == []


def test_a_blended_picture_between_two_shots_makes_one_cut():
    one, other = scene(1, 30), scene(2, 30)
    blend = ((one[-1].astype(int) + other[0]) // 2).astype(np.uint8)
    assert cuts([*one, blend, *other]) in ([30 * FRAME_US], [31 * FRAME_US])


def test_a_caption_is_no_cut():
    pictures = scene(1, 60)
    for picture in pictures[30:]:
        picture[18:] = 255
    assert cuts(pictures) == []


def test_a_dissolve_is_no_cut():
    one, other = scene(1, 1, noise=0)[0].astype(float), scene(2, 1, noise=0)[0].astype(float)
    share = np.clip((np.arange(60) - 20) / 20, 0, 1)
    assert cuts([(one * (1 - s) + other * s).astype(np.uint8) for s in share]) == []


def test_black_bars_do_not_count():
    pictures = scene(1, 30) + scene(2, 30)
    for picture in pictures:
        picture[:, :18] = 0
        picture[:, -18:] = 0
    assert cuts(pictures) == [30 * FRAME_US]


def test_nothing_and_one_picture_hold_no_cut():
    assert cuts([]) == []
    assert cuts(scene(1, 1)) == []
