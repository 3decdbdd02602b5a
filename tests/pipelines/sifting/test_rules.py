import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sifting.known import Known
from pipelines.sifting.rules import RULES, scores
from pipelines.sifting.scoring import scoring
from pipelines.sifting.sound_rules import overlap_us
from schemas.faces import Faces
from schemas.gates import Gate, Scores
from schemas.speaking import Speaking
from schemas.track import Track
from schemas.transcript import Transcript

S = 1_000_000


def known(*spans, **parts):
    return Known(spans=np.array(spans, np.int64).reshape(-1, 2), **parts)


def of(rule, given):
    return RULES[rule].score(given)


def prosody(levels, voiced=None, hop_s=0.01):
    """Frames of given levels in dB."""
    times = np.arange(len(levels)) * hop_s
    values = np.stack([np.zeros(len(levels)) if voiced is None else voiced, levels], axis=1)
    return Track.centred(times, hop_s, values, ("voiced", "intensity_db"))


def faces(seen, fps=10, frames=None):
    """seen: (frame, face, height, mouth_open)."""
    count = frames or max(frame for frame, *_ in seen) + 1
    times = np.arange(count) / fps
    spans = np.stack([np.rint(times * S), np.rint((times + 1 / fps) * S)], axis=1).astype(np.int64)
    rows = np.array(seen, np.float64).reshape(-1, 4)
    return Faces(
        times,
        spans,
        rows[:, 0].astype(np.int64),
        rows[:, 1].astype(np.int64),
        rows[:, 2:].astype(np.float32),
        ("box_height", "mouth_open"),
    )


spans = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=6).map(
    lambda pairs: np.array([sorted(pair) for pair in pairs], np.int64).reshape(-1, 2)
)


@given(spans, st.lists(st.integers(0, 300), max_size=12, unique=True))
def test_the_overlap_is_what_counting_says(some, edges):
    others = np.array(sorted(edges)[: len(edges) // 2 * 2], np.int64).reshape(-1, 2)
    covered = {at for start, end in others.tolist() for at in range(start, end)}
    counted = [len(covered & set(range(start, end))) for start, end in some.tolist()]
    assert overlap_us(some, others).tolist() == counted


def test_length_and_speech_are_shares_of_the_sample_and_unknown_without_a_clock():
    case = known((0, 4 * S), (5 * S, 6 * S), (0, 0), voice=np.array([[1.0, 2.0], [3.5, 5.5]]))
    np.testing.assert_allclose(of("length", case), [4, 1, np.nan])
    np.testing.assert_allclose(of("speech", case), [1.5 / 4, 0.5, np.nan])
    np.testing.assert_allclose(of("speech", known((0, S), voice=np.zeros((0, 2)))), [0.0])


def test_music_is_pitch_where_nobody_speaks():
    voiced = np.concatenate([np.ones(200), np.zeros(100)])  # 2 s of pitch, 1 s of none
    case = known((0, 3 * S), voice=np.array([[0.0, 1.0]]), prosody=prosody(np.full(300, 60.0), voiced))
    assert of("music", case)[0] == pytest.approx(1 / 3, abs=0.01)


def test_the_level_of_speech_is_told_over_that_of_the_pauses():
    levels = np.concatenate([np.full(100, 30.0), np.full(100, 55.0), np.full(100, 50.0)])
    case = known((S, 2 * S), (2 * S, 3 * S), (0, S), voice=np.array([[1.0, 3.0]]), prosody=prosody(levels))
    np.testing.assert_allclose(of("snr", case), [25.0, 20.0, np.nan], atol=0.2)
    without_pauses = known((0, 3 * S), voice=np.array([[0.0, 2.9]]), prosody=prosody(levels))
    assert np.isnan(of("snr", without_pauses)).all()


def test_faces_are_counted_by_frames_and_the_largest_is_measured():
    seen = [(0, 0, 0.5, 0), (0, 1, 0.2, 0), (1, 0, 0.4, 0), (2, 1, 0.3, 0)]
    case = known((0, 400_000), (600_000, S), (0, 0), faces=faces(seen, frames=10))
    np.testing.assert_allclose(of("face", case), [0.75, 0.0, 0.3])
    np.testing.assert_allclose(of("face_size", case), [0.4, np.nan, 0.4], rtol=1e-6)


@pytest.mark.parametrize(
    ("found", "sure", "score"), [("en", 0.9, 0.9), ("fr", 0.75, 0.25), ("en", None, 1.0), ("fr", None, 0.0)]
)
def test_the_wanted_language_scores_its_probability(found, sure, score):
    words = Transcript(language=found, language_probability=sure, words=())
    assert of("language", known((0, S), words=words, allow=("en", "de")))[0] == pytest.approx(score)
    silent = Transcript(language=None, language_probability=None, words=())
    assert np.isnan(of("language", known((0, S), words=silent, allow=("en",)))).all()


def test_a_still_picture_does_not_move():
    vectors = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [1, 0]], np.float32)
    track = Track.held(np.arange(5.0), 1.0, vectors, ("clip_0", "clip_1"))
    case = known((0, 3 * S), (2 * S, 5 * S), (4 * S, 5 * S), pictures=track)
    np.testing.assert_allclose(of("movement", case), [0.0, 1.0, np.nan])


def test_a_voice_without_a_moving_mouth_is_a_voice_over():
    times = np.arange(4.0)
    frames = np.stack([times, times + 1], axis=1).astype(np.int64) * S
    speaking = Speaking(
        times,
        frames,
        np.array([1, 1, 0, 1], np.float32),
        np.array([0, 1, 1, 3]),
        np.array([0, 0, 1, 0]),
        np.array([0.9, 0.2, 0.3, np.nan], np.float32),
    )
    case = known((0, S), (0, 2 * S), (2 * S, 3 * S), (3 * S, 4 * S), speaking=speaking)
    np.testing.assert_allclose(of("mouth", case), [0.9, 0.7, np.nan, 0.0], rtol=1e-6)


def test_lips_that_follow_the_voice_correlate_and_others_do_not():
    at = np.arange(0, 8, 0.01)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 0.7 * at) * np.sin(2 * np.pi * 0.31 * at)
    sound = prosody(30 + 30 * swell)
    frame = np.arange(80)
    together = np.interp(frame / 10 + 0.1, at, swell)  # the mouth is a tenth of a second ahead
    other = np.random.default_rng(3).permutation(together)
    spoken = [(int(k), 0, 0.4, float(v)) for k, v in zip(frame, together, strict=True)]
    dubbed = [(int(k), 0, 0.4, float(v)) for k, v in zip(frame, other, strict=True)]
    assert of("lip_sync", known((0, 8 * S), faces=faces(spoken), prosody=sound))[0] > 0.97
    assert of("lip_sync", known((0, 8 * S), faces=faces(dubbed), prosody=sound))[0] < 0.35
    assert np.isnan(of("lip_sync", known((0, 500_000), faces=faces(spoken), prosody=sound))).all()


def test_a_text_scores_its_cosine_with_the_pictures():
    pictures = Track.held([0.0, 1.0], 1.0, np.array([[1, 0], [0, 1]], np.float32), ("a", "b"))
    texts = Track.held([0.0, 1.0, 2.0], 1.0, np.array([[0.6, 0.8], [0, -1], [np.nan, np.nan]], np.float32), ("a", "b"))
    case = known((0, S), (S, 2 * S), (0, 0), pictures=pictures, texts=texts)
    np.testing.assert_allclose(of("image_text", case), [0.6, -1.0, np.nan], rtol=1e-6)


def test_what_was_not_measured_cannot_be_judged():
    found = scores(known((0, S), (S, 3 * S)), list(RULES))
    judged = {rule for at, rule in enumerate(RULES) if not np.isnan(found[:, at]).all()}
    assert judged == {"length"}


@given(
    st.lists(st.one_of(st.just(np.nan), st.floats(-5, 5, width=32)), max_size=20),
    st.one_of(st.none(), st.floats(-5, 0)),
    st.one_of(st.none(), st.floats(0, 5)),
    st.sampled_from(["keep", "drop"]),
)
def test_a_gate_refuses_what_is_outside_and_the_unknown_if_told_so(values, least, most, unknown):
    gate = Gate(least=least, most=most, unknown=unknown)
    refused = gate.refuses(np.array(values, np.float32)).tolist()
    for value, out in zip(np.array(values, np.float32), refused, strict=True):
        if np.isnan(value):
            assert out == (unknown == "drop")
        else:
            low = least is not None and value < np.float32(least)
            assert out == (low or (most is not None and value > np.float32(most)))


@given(st.lists(st.tuples(st.floats(-9, 9, width=32), st.just(np.nan)), max_size=9))
def test_scores_come_back_as_they_went(rows):
    table = Scores(np.arange(len(rows), dtype=np.int32), np.array(rows, np.float32).reshape(-1, 2), ("length", "snr"))
    again = Scores.from_bytes(table.to_bytes())
    assert again.rules == table.rules
    np.testing.assert_array_equal(again.values, table.values)
    np.testing.assert_array_equal(again.index, table.index)
    assert again.to_bytes() == table.to_bytes()


def test_a_rule_takes_the_first_of_what_it_may_be_judged_by():
    step = scoring(["movement", "length"], ["frames", "siglip"], [])
    assert step.uses == ("siglip",)
    with pytest.raises(KeyError) as caught:
        scoring(["length", "snr"], ["voice"], [])
    assert caught.value.args == ("snr", "prosody")
