import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import FolderRecording

from extractors.speaking import SpeakingFace, mouth_movement, speaker_of, speaking_scores, voiced_share
from extractors.voice_activity import VoiceActivity
from schemas.errors import MeasurementError
from schemas.faces import Faces
from schemas.speaking import Speaking
from schemas.track import Track
from schemas.transcript import Span
from schemas.transcript import VoiceActivity as Voice

FPS = 10
LENGTH_S = 10.0
TIMES = np.arange(int(LENGTH_S * FPS)) / FPS
SYLLABLES = 0.08 + 0.06 * np.sin(2 * np.pi * 4.1 * TIMES)
STILL = 0.05 + 0.001 * np.sin(2 * np.pi * 3.3 * TIMES)


def faces_with(*openings, columns=("mouth_open",)):
    """Faces whose mouths open as given, float64[T] each; NaN where the face is not seen."""
    spans = Track.held(TIMES, 0.2, np.zeros((len(TIMES), 0)), ()).spans
    rows = [(f, k, values[f]) for f in range(len(TIMES)) for k, values in enumerate(openings) if values[f] == values[f]]
    frame, face, value = (np.array(part) for part in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
    return Faces(
        TIMES, spans, frame.astype(np.int64), face.astype(np.int64), value.astype(np.float32).reshape(-1, 1), columns
    )


def during(values, start, end, otherwise=np.nan):
    return np.where((start <= TIMES) & (end > TIMES), values, otherwise)


def test_steady_opening_is_no_movement_and_a_beat_has_its_standard_deviation():
    assert mouth_movement(TIMES, 0.3 * TIMES + 0.1) == pytest.approx(np.zeros(len(TIMES)), abs=1e-9)
    fine = np.arange(400) / 100
    beat = 0.05 * np.sin(2 * np.pi * 4 * fine)
    assert mouth_movement(fine, beat)[100:300] == pytest.approx(0.05 / np.sqrt(2), rel=0.03)


@given(st.lists(st.tuples(st.floats(0.02, 0.4), st.floats(0, 1) | st.just(np.nan)), min_size=1, max_size=40))
def test_mouth_movement_is_that_of_a_line_fitted_in_each_window(steps):
    times = np.round(np.cumsum([step for step, _ in steps]), 6)
    opening = np.array([value for _, value in steps])
    found = mouth_movement(times, opening)
    for at, value in zip(range(len(times)), found, strict=True):
        window = (np.abs(np.rint(times * 1e6) - np.rint(times[at] * 1e6)) <= 500_000) & ~np.isnan(opening)
        if np.isnan(opening[at]) or window.sum() < 4:
            assert np.isnan(value)
        else:
            x, y = times[window] - times[at], opening[window]
            rest = y - np.polyval(np.polyfit(x, y, 1), x)
            assert value == pytest.approx(np.sqrt(np.mean(rest**2)), abs=1e-6)


@given(st.lists(st.floats(0.1, 2), max_size=8), st.lists(st.floats(-1, 9), max_size=6))
def test_the_voiced_share_is_counted(lengths, at):
    edges = np.round(np.cumsum(lengths), 3)
    voice = [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    fine = np.arange(-0.5, 0.5, 0.001) + 0.0005
    expected = [sum(((a <= t + fine) & (t + fine < b)).sum() for a, b in voice) / 1000 for t in at]
    assert voiced_share(np.array(at), voice) == pytest.approx(expected, abs=0.02)


@given(st.integers(0, 99), st.floats(0, 8), st.floats(0.1, 5))
def test_scores_are_shares_of_the_voice(seed, start, length):
    rng = np.random.default_rng(seed)
    openings = rng.random((3, len(TIMES))) * rng.random((3, 1)) * 0.1
    openings[rng.random(openings.shape) < 0.2] = np.nan
    speaking = speaking_scores(faces_with(*openings), [(start, start + length)])
    score = np.nan_to_num(speaking.score)
    assert score.min() >= 0
    together = np.bincount(speaking.frame, weights=score, minlength=len(TIMES))
    assert (together <= speaking.voice + 1e-6).all()


def test_the_one_whose_mouth_moves_speaks():
    speaking = speaking_scores(faces_with(STILL, SYLLABLES), [(1, 9)])
    face, score = speaker_of(speaking, 2, 8)
    assert face == 1
    assert score > 0.9


def test_who_speaks_changes_with_the_turn():
    one = during(SYLLABLES, 0, 5, otherwise=STILL)
    other = during(SYLLABLES, 5, 10, otherwise=STILL)
    speaking = speaking_scores(faces_with(one, other), [(0, 4.8), (5.2, 10)])
    assert speaker_of(speaking, 0.5, 4.5)[0] == 0
    assert speaker_of(speaking, 5.5, 9.5)[0] == 1


def test_a_voice_and_a_still_face_is_somebody_out_of_the_picture():
    speaking = speaking_scores(faces_with(STILL), [(0, 10)])
    face, score = speaker_of(speaking, 1, 9)
    assert face is None
    assert 0 < score < 0.05


def test_nobody_speaks_in_silence_however_the_mouth_moves():
    speaking = speaking_scores(faces_with(SYLLABLES), [])
    assert speaker_of(speaking, 0, 10) == (None, 0.0)
    assert not speaking.score.any()


def test_no_face_no_speaker():
    speaking = speaking_scores(faces_with(np.full(len(TIMES), np.nan)), [(0, 10)])
    assert speaker_of(speaking, 0, 10) == (None, 0.0)
    assert speaker_of(speaking, 50, 60) == (None, 0.0)


def test_a_face_seen_for_a_moment_of_the_stretch_is_not_its_speaker():
    speaking = speaking_scores(faces_with(during(SYLLABLES, 0, 2)), [(0, 10)])
    assert speaker_of(speaking, 0, 1.5)[0] == 0
    assert speaker_of(speaking, 0, 10)[0] is None


def test_a_face_seen_too_shortly_has_no_score():
    speaking = speaking_scores(faces_with(during(SYLLABLES, 3, 3.3)), [(0, 10)])
    assert len(speaking.score) == 3
    assert np.isnan(speaking.score).all()


def test_bytes_and_back():
    speaking = speaking_scores(faces_with(STILL, during(SYLLABLES, 3, 3.2)), [(2, 4)])
    again = Speaking.from_bytes(speaking.to_bytes())
    for name in ("times", "spans", "voice", "frame", "face", "score"):
        assert np.array_equal(getattr(again, name), getattr(speaking, name), equal_nan=True)
        assert getattr(again, name).dtype == getattr(speaking, name).dtype
    assert again.to_bytes() == speaking.to_bytes()
    with pytest.raises(ValueError, match="as many"):
        Speaking(TIMES, speaking.spans, speaking.voice[:-1], speaking.frame, speaking.face, speaking.score)


def test_the_step_reads_faces_and_voice_and_writes_scores(tmp_path):
    step = SpeakingFace()
    assert step.requires() == (VoiceActivity(),)
    recording = FolderRecording(tmp_path / "one")
    recording.write("faces", faces_with(STILL, SYLLABLES))
    recording.write("voice", Voice(spans=(Span(start=1, end=9),)))
    step.run([recording], step.load())
    assert speaker_of(recording.read("speaking", Speaking), 2, 8)[0] == 1


def test_faces_without_a_mouth_are_an_error_of_the_recording(tmp_path):
    recording = FolderRecording(tmp_path / "one")
    recording.write("faces", faces_with(STILL, columns=("au01",)))
    recording.write("voice", Voice(spans=()))
    with pytest.raises(MeasurementError, match="mouth"):
        SpeakingFace().run([recording], None)


def test_the_two_in_the_demo_take_turns_as_their_script_says():
    pytest.importorskip("mediapipe", reason="pip install 'affectloom[faces]'")
    from demo_clips import faces_of, truth

    said = truth("duo", "speech")
    speaking = speaking_scores(faces_of("duo"), said)
    assert [speaker_of(speaking, start, end)[0] for start, end in said] == [0, 1, 0, 1]
    assert all(speaker_of(speaking, start, end)[1] > 0.8 for start, end in said)
