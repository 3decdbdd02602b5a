"""Interval arithmetic against the plain double loop over intervals and frames."""

import math

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.segmenting.align import RULES, Rule, align, grid, word_spans
from pipelines.segmenting.overlaps import overlaps
from schemas.track import Track
from schemas.transcript import Word


def plain(track: Track, spans: np.ndarray, how: Rule) -> np.ndarray:
    """The rule in words, one interval and one column at a time, in exact sums."""
    out = np.full((len(spans), len(track.columns)), np.nan)
    for i, (start, end) in enumerate(spans.tolist()):
        for j in range(len(track.columns)):
            found = []
            for k, (a, b) in enumerate(track.spans.tolist()):
                shared = min(b, end) - max(a, start)
                value = float(track.values[k, j])
                if shared > 0 and not math.isnan(value):
                    found.append((a, k, shared, value, float(track.times[k])))
            found.sort()
            if found:
                out[i, j] = plain_rule(found, how, (start + end) / 2e6)
    return out


def plain_rule(found, how: Rule, middle: float) -> float:
    values = [value for _, _, _, value, _ in found]
    weights = [shared for _, _, shared, _, _ in found]
    whole = sum(weights)
    mean = math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / whole
    if how == "mean":
        return mean
    if how == "touching":
        return math.fsum(values) / len(values)
    if how == "sd":
        return math.sqrt(math.fsum((v - mean) ** 2 * w for v, w in zip(values, weights, strict=True)) / whole)
    if how == "nearest":
        distances = [abs(time - middle) for *_, time in found]
        return values[distances.index(min(distances))]
    return {"max": max(values), "min": min(values), "first": values[0], "last": values[-1]}[how]


@st.composite
def tracks(draw, most: int = 40):
    frames = draw(st.integers(0, most))
    width = draw(st.integers(1, 3))
    begins = draw(st.lists(st.integers(0, 300), min_size=frames, max_size=frames))
    lengths = draw(st.lists(st.integers(0, 60), min_size=frames, max_size=frames))
    if draw(st.booleans()):  # as most tracks are: in order, without overlap
        begins.sort()
        lengths = [min(n, b - a) for a, b, n in zip(begins, [*begins[1:], 400][:frames], lengths, strict=True)]
    times = np.sort(np.asarray(begins, float)) / 1e6
    spans = np.array([begins, [a + n for a, n in zip(begins, lengths, strict=True)]], np.int64).T.reshape(-1, 2)
    values = draw(
        npst.arrays(
            np.float32,
            (frames, width),
            elements=st.one_of(st.just(np.nan), st.floats(-100, 100, width=32)),
            fill=st.nothing(),
        )
    )
    return Track(times, spans, values, tuple(f"c{j}" for j in range(width)))


intervals = st.lists(st.tuples(st.integers(-20, 380), st.integers(0, 380)), max_size=12).map(
    lambda found: np.array([(a, a + n) for a, n in found], np.int64).reshape(-1, 2)
)


@pytest.mark.parametrize("how", RULES)
@given(track=tracks(), spans=intervals)
@settings(deadline=None, max_examples=150)
def test_every_rule_is_the_plain_loop(how, track, spans):
    found = align(track, spans, how)
    wanted = plain(track, spans, how)
    assert found.values.dtype == np.float32
    assert (found.valid == ~np.isnan(wanted)).all()
    assert (np.isnan(found.values) == ~found.valid).all()
    np.testing.assert_allclose(found.values, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", ["mean", "touching", "max", "min", "sd"])
@given(seed=st.integers(0, 2**32 - 1), hop=st.integers(1, 5), nested=st.booleans())
@settings(deadline=None, max_examples=10)
def test_long_intervals_are_the_plain_loop(how, seed, hop, nested):
    """Thousands of frames: blocks, and blocks of blocks."""
    rng = np.random.default_rng(seed)
    frames = 9_000
    start = np.arange(frames, dtype=np.int64) * hop
    length = np.full(frames, hop)
    if nested:
        length[rng.integers(0, frames, 20)] = rng.integers(1, 3_000 * hop, 20)
    values = rng.normal(50, 10, (frames, 2)).astype(np.float32)
    values[rng.random((frames, 2)) < 0.2] = np.nan
    values[4_000:6_000, 1] = np.nan
    track = Track(start / 1e6, np.stack([start, start + length], axis=1), values, ("a", "b"))
    begin = rng.integers(0, frames * hop, 12)
    spans = np.stack([begin, begin + rng.integers(0, frames * hop, 12)], axis=1)
    spans[0] = (0, frames * hop)
    found = align(track, spans, how)
    np.testing.assert_allclose(found.values, vector(track, spans, how), rtol=2e-5)


def vector(track: Track, spans: np.ndarray, how: Rule) -> np.ndarray:
    """A second implementation: every frame against each interval."""
    out = np.full((len(spans), len(track.columns)), np.nan)
    for i, (start, end) in enumerate(spans.tolist()):
        shared = np.minimum(track.spans[:, 1], end) - np.maximum(track.spans[:, 0], start)
        for j, column in enumerate(track.columns):
            some = (shared > 0) & ~np.isnan(track.column(column))
            values = track.values[some, j].astype(float)
            if some.any():
                mean = np.average(values, weights=shared[some])
                out[i, j] = {
                    "mean": mean,
                    "touching": values.mean(),
                    "max": values.max(),
                    "min": values.min(),
                    "sd": np.sqrt(np.average((values - mean) ** 2, weights=shared[some])),
                }[how]
    return out


@pytest.mark.parametrize("how", RULES)
@given(track=tracks(), spans=intervals, seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_an_interval_does_not_care_for_its_neighbours(how, track, spans, seed):
    together = align(track, spans, how).values
    turned = np.random.default_rng(seed).permutation(len(spans))
    assert np.array_equal(align(track, spans[turned], how).values, together[turned], equal_nan=True)
    for i in range(len(spans)):
        assert np.array_equal(align(track, spans[i : i + 1], how).values[0], together[i], equal_nan=True)


def test_a_huge_value_elsewhere_leaves_no_trace():
    values = np.full((10_000, 1), 0.1, np.float32)
    values[10] = 3e38
    track = Track.centred(np.arange(10_000) / 100, 0.01, values, ["x"])
    words = np.array(
        [[50_000_000 + n * 300_000, 50_300_000 + n * 300_000] for n in range(100)] + [[2_000_000, 99_000_000]]
    )
    assert align(track, words).values == pytest.approx(0.1)


def test_half_open_intervals_share_no_frame():
    track = Track.held([0.0, 1.0, 2.0], 1.0, [[1.0], [2.0], [4.0]], ["x"])
    found = align(
        track, np.array([[0, 1_000_000], [1_000_000, 2_000_000], [500_000, 1_250_000], [3_000_000, 4_000_000]])
    )
    assert found.values[:3, 0].tolist() == pytest.approx([1.0, 2.0, (1.0 * 0.5 + 2.0 * 0.25) / 0.75])
    assert found.valid[:, 0].tolist() == [True, True, True, False]


def test_an_interval_without_length_is_not_valid():
    track = Track.held([0.0], 1.0, [[1.0]], ["x"])
    for how in RULES:
        assert not align(track, np.array([[500_000, 500_000]]), how).valid.any()


def test_an_unknown_rule_is_refused_by_name():
    track = Track.held([0.0], 1.0, [[1.0]], ["x"])
    with pytest.raises(ValueError, match=r"median.*mean, touching"):
        align(track, np.array([[0, 1]]), "median")  # type: ignore[arg-type]  # what a recipe may say
    with pytest.raises(ValueError, match=r"\(S, 2\)"):
        align(track, np.array([0, 1]))


@given(track=tracks(), spans=intervals)
@settings(deadline=None)
def test_overlaps_lists_each_frame_of_each_interval(track, spans):
    found = overlaps(track.spans, spans)
    for i, (start, end) in enumerate(spans.tolist()):
        mine = found.frames[found.offsets[i] : found.offsets[i + 1]]
        shared = np.minimum(track.spans[:, 1], end) - np.maximum(track.spans[:, 0], start)
        assert sorted(mine.tolist()) == np.flatnonzero(shared > 0).tolist()
        assert (np.diff(track.spans[mine, 0]) >= 0).all()


@given(start=st.integers(0, 10**10), length=st.integers(0, 10**8), step=st.floats(1e-2, 20))
@settings(deadline=None, max_examples=60)
@example(start=0, length=1_000_000, step=1 / 3)
def test_a_grid_covers_its_stretch_without_drift(start, length, step):
    cells = grid(start, start + length, step)
    if length == 0:
        assert len(cells) == 0
        return
    assert cells[0, 0] == start
    assert cells[-1, 1] == start + length
    assert (cells[1:, 0] == cells[:-1, 1]).all()
    assert (cells[:, 1] > cells[:, 0]).all()
    assert abs(len(cells) - length / (step * 1e6)) <= 1
    assert (np.abs(cells[:, 0] - (start + np.arange(len(cells)) * step * 1e6)) <= 0.5 + 1e-6).all()


def test_a_grid_finer_than_the_clock_is_refused():
    with pytest.raises(ValueError, match="microsecond"):
        grid(0, 10, 1e-7)


def test_word_spans_are_the_words_times():
    words = [Word(start=0.1, end=0.35, text="a"), Word(start=0.35, end=0.35, text="b", interpolated=True)]
    assert word_spans(words).tolist() == [[100_000, 350_000], [350_000, 350_000]]
    assert word_spans([]).shape == (0, 2)
