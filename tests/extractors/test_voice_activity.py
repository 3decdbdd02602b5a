"""Voice activity: the detector in blocks, its spans, and that only speech is speech."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken import music, noise, recording, say, silence

from extractors.voice_activity import WINDOW, VoiceActivity, load_detector, padded, speech_probabilities, speech_spans
from schemas.errors import MissingPart
from schemas.transcript import VoiceActivity as Voice

pytest.importorskip("faster_whisper", reason="faster-whisper, which carries the detector, is not installed")


@pytest.fixture(scope="module")
def detector():
    return load_detector()


def spans_of(sound, detector):
    probabilities, length = speech_probabilities([sound], detector)
    return speech_spans(probabilities, length)


def test_blocks_give_what_faster_whispers_own_code_gives_for_the_whole(detector):
    from faster_whisper.vad import get_vad_model

    sound = np.concatenate([silence(0.7), say("the weather is lovely today"), noise(1.3), say("is it not")])
    whole = np.pad(sound, (0, -len(sound) % WINDOW))
    # Their code takes the samples as its own memory and writes into them.
    expected = get_vad_model()(whole.copy()).reshape(-1)
    for size in (WINDOW, 7 * WINDOW, 10_000 * WINDOW):
        found, samples = speech_probabilities([sound[at : at + size] for at in range(0, len(sound), size)], detector)
        assert samples == len(sound)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_ragged_block_must_be_the_last(detector):
    with pytest.raises(ValueError, match="must be the last"):
        speech_probabilities([silence(1.0)[:700], silence(1.0)], detector)


def test_nothing_has_no_speech(detector):
    assert speech_probabilities([], detector)[1] == 0
    assert spans_of(np.zeros(0, np.float32), detector) == []


@pytest.mark.parametrize(
    "sound",
    [silence(20), noise(20), noise(20, 0.3), music(20), 0.5 * np.sin(np.arange(320_000) / 5).astype(np.float32)],
    ids=["silence", "noise", "loud noise", "music", "tone"],
)
def test_what_is_not_speech_has_no_spans(detector, sound):
    assert spans_of(sound.astype(np.float32), detector) == []


def test_speech_is_found_where_it_was_put(detector):
    said = say("she had your dark suit in greasy wash water all year")
    sound = np.concatenate([silence(3), said, silence(4), said, silence(2)])
    length = len(said) / 16_000
    spans = spans_of(sound, detector)
    truth = [(3.0, 3.0 + length), (7.0 + length, 7.0 + 2 * length)]
    assert spans[0][0] == pytest.approx(truth[0][0], abs=0.15)
    assert spans[-1][1] == pytest.approx(truth[1][1], abs=0.15)
    covered = sum(end - start for start, end in spans)
    assert covered == pytest.approx(2 * length, rel=0.15)
    assert all(any(a - 0.15 <= start and end <= b + 0.15 for a, b in truth) for start, end in spans)


def test_the_step_writes_the_spans(tmp_path, detector):
    made = recording(tmp_path / "r", np.concatenate([silence(33), say("she had your dark suit"), silence(1)]))
    VoiceActivity().run([made], detector)
    spans = made.read("voice", Voice).spans
    assert spans
    # The speech lies behind the first block of 32 s.
    assert spans[0].start == pytest.approx(33.0, abs=0.15)


def test_the_detector_is_pinned_and_its_lack_explained(tmp_path, monkeypatch):
    import dataclasses

    from extractors import voice_activity

    assert len(VoiceActivity().weights()["silero_vad_v6.onnx"]) == 64
    missing = dataclasses.replace(voice_activity.SILERO, packages=(("no-such-package", "x"),), url=None)
    monkeypatch.setattr(voice_activity, "SILERO", missing)
    monkeypatch.setenv("AFFECTLOOM_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingPart, match="silero_vad_v6"):
        load_detector()


probabilities = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.45, 0.6, 1.0]), max_size=80).map(
    lambda values: np.array(values, np.float32)
)


@given(probabilities, st.integers(0, 511), st.sampled_from([0.0, 0.03, 0.5]))
def test_spans_are_in_order_apart_and_inside(values, missing, pad_s):
    samples = max(len(values) * WINDOW - missing, 0)
    spans = speech_spans(values, samples, pad_s=pad_s)
    flat = [time for span in spans for time in span]
    assert flat == sorted(flat)
    assert all(start < end for start, end in spans)
    assert not flat or (flat[0] >= 0 and flat[-1] <= round(samples / 16_000, 3))


@given(probabilities)
def test_every_certain_window_is_inside_a_span_when_nothing_is_too_short(values):
    spans = speech_spans(values, len(values) * WINDOW, min_speech_s=0, pad_s=0)
    for window in np.flatnonzero(values >= 0.5):
        middle = (window + 0.5) * WINDOW / 16_000
        assert any(start <= middle < end for start, end in spans)


@given(probabilities)
def test_only_a_silence_that_is_long_enough_parts_two_spans(values):
    spans = speech_spans(values, len(values) * WINDOW, min_speech_s=0, min_silence_s=0.2, pad_s=0)
    for (_, end), (start, _) in pairwise(spans):
        assert start - end >= 0.19


def test_hysteresis_by_hand():
    # 0.4 neither starts nor ends a stretch: silence begins under 0.35.
    values = np.array([0.4, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1], np.float32)
    assert speech_spans(values, len(values) * WINDOW, pad_s=0) == [(0.032, 0.256)]


@given(
    st.lists(st.integers(1, 1000), max_size=20).map(lambda steps: np.cumsum(steps).tolist()),
    st.integers(0, 2000),
    st.integers(0, 500),
)
def test_padding_keeps_order_and_never_passes_the_middle_of_a_gap(edges, pad, tail):
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    length = (edges[-1] if edges else 0) + tail
    wide = padded(spans, pad, length)
    flat = [edge for span in wide for edge in span]
    assert flat == sorted(flat)
    assert all(0 <= a <= start and end <= b <= length for (start, end), (a, b) in zip(spans, wide, strict=True))
    assert all(start - a <= pad and b - end <= pad for (start, end), (a, b) in zip(spans, wide, strict=True))
