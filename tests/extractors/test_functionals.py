import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from extractors.functionals import FUNCTIONAL_NAMES, SPEECH_RATE_NAMES, functionals, moves, speech_rate
from extractors.prosody import Prosody
from schemas.track import Track
from schemas.transcript import Word

COLUMNS = Prosody().columns


def a_track(frames, **columns) -> Track:
    values = np.full((frames, len(COLUMNS)), np.nan)
    for name, column in columns.items():
        values[:, COLUMNS.index(name)] = column
    return Track.centred(np.arange(frames) * 0.01, 0.01, values, COLUMNS)


def words(*spans) -> list[Word]:
    return [Word(start=start, end=end, text="w") for start, end in spans]


contours = arrays.arrays(
    np.float32, st.integers(1, 60), elements=st.one_of(st.just(np.nan), st.floats(-100, 100, width=32))
)


@given(contour=contours)
def test_statistics_are_numpys_over_the_valid_frames(contour):
    found = functionals(a_track(len(contour), intensity_db=contour), 0, 10)
    valid = ~np.isnan(contour)
    values, times = contour[valid].astype(np.float64), (np.arange(len(contour)) * 0.01)[valid]
    if not len(values):
        assert all(found[f"intensity_db_{name}"] is None for name in ("mean", "sd", "p20", "p80", "slope_per_s"))
        return
    assert found["intensity_db_mean"] == pytest.approx(values.mean(), abs=1e-6)
    for share in (20, 50, 80):
        assert found[f"intensity_db_p{share}"] == pytest.approx(np.percentile(values, share), abs=1e-6)
    assert found["intensity_db_range_p20_p80"] == pytest.approx(np.diff(np.percentile(values, [20, 80]))[0], abs=1e-6)
    if len(values) < 2:
        assert found["intensity_db_sd"] is None
        assert found["intensity_db_slope_per_s"] is None
    else:
        assert found["intensity_db_sd"] == pytest.approx(values.std(), abs=1e-6)
        centred = times - times.mean()
        assert found["intensity_db_slope_per_s"] == pytest.approx(
            centred @ (values - values.mean()) / (centred @ centred), abs=1e-3, rel=1e-6
        )


@given(contour=contours, start=st.floats(0, 1), end=st.floats(0, 1))
def test_the_names_are_the_same_whatever_is_there(contour, start, end):
    assert tuple(functionals(a_track(len(contour), f0_hz=np.abs(contour) + 1), start, end)) == FUNCTIONAL_NAMES
    bare = Track.centred([0.0], 0.01, [[1.0]], ["au12_proxy"])
    nothing = functionals(bare, 0, 1)
    assert tuple(nothing) == FUNCTIONAL_NAMES
    assert set(nothing.values()) == {None}
    assert tuple(speech_rate(words(), start, end)) == SPEECH_RATE_NAMES


def test_pitch_is_counted_in_semitones_from_the_lowest_a():
    # One octave a second from 110 Hz, two octaves above 27.5 Hz.
    frames = 101
    found = functionals(a_track(frames, f0_hz=110 * 2 ** (np.arange(frames) / 100), voiced=1.0), 0, 1.005)
    assert found["f0_semitone_p50"] == pytest.approx(30, abs=1e-4)
    assert found["f0_semitone_slope_per_s"] == pytest.approx(12, abs=1e-4)
    assert found["f0_semitone_rising_slope_per_s"] == pytest.approx(12, abs=1e-3)
    assert found["f0_semitone_falling_slope_per_s"] is None
    assert found["voiced_share"] == 1


def test_frames_belong_to_a_segment_from_its_start_to_before_its_end():
    track = a_track(100, intensity_db=np.arange(100.0))
    found = functionals(track, 0.29, 0.58)
    assert found["intensity_db_mean"] == pytest.approx(np.arange(29, 58).mean())
    halves = [functionals(track, *span)["intensity_db_mean"] for span in ((0.0, 0.07), (0.07, 0.14))]
    assert halves == [pytest.approx(3), pytest.approx(10)]


def test_voiced_share_leaves_out_frames_that_could_not_be_judged():
    track = a_track(4, voiced=[1, 0, 1, np.nan])
    assert functionals(track, 0, 1)["voiced_share"] == pytest.approx(2 / 3)


def test_moves_are_the_slopes_between_the_turns():
    # Up 4 a frame, then down 2. Means of three: 4, 8, ..., 36, 38 in nine steps, 38 once more, then down to 2 in 18.
    contour = np.concatenate([np.arange(0, 41, 4.0), np.arange(38, -1, -2.0)])
    rising, falling = moves(np.arange(len(contour)) * 0.01, contour)
    assert rising == pytest.approx(34 / 0.09)
    assert falling == pytest.approx(-36 / 0.18)
    assert moves(np.arange(3.0), np.arange(3.0)) == (pytest.approx(np.nan, nan_ok=True),) * 2


def test_a_gap_ends_a_move():
    contour = np.array([0, 1, 2, 3, 4, np.nan, 100, 101, 102, 103, 104.0])
    rising, falling = moves(np.arange(len(contour)) * 1.0, contour)
    assert rising == pytest.approx(1)
    assert np.isnan(falling)


def test_speech_rate_by_hand():
    said = words((0.0, 0.4), (0.4, 0.8), (1.3, 1.6), (1.8, 2.0), (2.5, 3.0))
    found = speech_rate(said, 0, 4)
    # Pauses: 0.8 to 1.3 and 2.0 to 2.5; 1.6 to 1.8 is too short to be one.
    assert found == {
        "words": 5,
        "words_per_s": pytest.approx(1.25),
        "articulation_words_per_s": pytest.approx(5 / (3.0 - 1.0)),
        "pauses": 2,
        "pause_total_s": pytest.approx(1.0),
        "pause_mean_s": pytest.approx(0.5),
    }


def test_a_word_counts_where_its_middle_is():
    said = words((0.0, 1.0), (1.0, 2.0))
    assert speech_rate(said, 0.5, 1.5)["words"] == 1
    assert speech_rate(said, 0, 0.5)["words"] == 0
    assert speech_rate(said, 0, 0.5)["words_per_s"] == 0
    assert speech_rate(said, 0, 0.5)["pauses"] is None


def test_a_word_inside_another_makes_no_pause():
    found = speech_rate(words((0.0, 2.0), (0.5, 0.6), (2.1, 2.5)), 0, 3)
    assert found["pauses"] == 0
    assert found["pause_mean_s"] is None


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 2)), max_size=12), st.randoms())
def test_speech_rate_does_not_depend_on_the_order_of_the_words(spans, random):
    said = words(*((start, start + lasts) for start, lasts in spans))
    shuffled = random.sample(said, len(said))
    found = speech_rate(said, 0, 12)
    assert found == speech_rate(shuffled, 0, 12)
    if found["pauses"]:
        assert found["pause_mean_s"] >= 0.25
        assert found["pause_total_s"] == pytest.approx(found["pauses"] * found["pause_mean_s"])
