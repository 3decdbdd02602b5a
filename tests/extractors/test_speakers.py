"""Who speaks when: dialogues of known turns, the encoder against its package, the search against brute force."""

import itertools
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import recording, say, silence

from extractors import voice_clusters, voice_encoder, weights
from extractors.speakers import Diarization
from extractors.voice_activity import VoiceActivity, load_detector
from extractors.voice_clusters import frame_similarities, voice_of_frames, voices, windows_of
from extractors.voice_turns import (
    between_two,
    embeddings_of,
    speech_of_windows,
    told_apart,
    turns_within,
    voice_at,
    voices_of,
)
from schemas.speakers import Speakers, Turn
from schemas.speaking import Speaking
from schemas.track import Track
from schemas.transcript import Span
from schemas.transcript import VoiceActivity as Voiced

RATE_HZ = 16_000
SAYINGS = [
    "I opened the letter this morning and read it twice.",
    "Nothing better has happened to me all year.",
    "I did not like it, it was far too long.",
    "I am afraid that the bridge will not hold.",
    "Nobody came, and nobody called me the whole day.",
    "The children are playing in the garden.",
]


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("torch")
    pytest.importorskip("librosa")
    if weights.find(voice_encoder.GE2E) is None:
        pytest.skip("pip install --no-deps Resemblyzer")
    return voice_encoder.load()


def dialogue(seed: int, names: tuple[str, ...], turns: int) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """Voices that take turns at random, 0.05 to 0.6 s apart, and when each speaks."""
    draw = np.random.default_rng(seed)
    sound, truth, at, last = [silence(0.5)], [], 0.5, ""
    for _ in range(turns):
        last = str(draw.choice([name for name in names if name != last]))
        said = say(" ".join(draw.choice(SAYINGS, draw.integers(1, 3), replace=False)), last)
        pause = float(draw.uniform(0.05, 0.6))
        truth.append((at, at + len(said) / RATE_HZ, last))
        sound += [said, silence(pause)]
        at += len(said) / RATE_HZ + pause
    return np.concatenate(sound), truth


def diarization_error(truth: list[tuple[float, float, str]], turns: tuple[Turn, ...], collar_s: float = 0.25) -> float:
    """NIST's DER: speech missed, invented or given to another voice, by all speech; edges within the collar are free.

    Source: NIST, Rich Transcription 2009 evaluation plan. Voices are named in the way that makes it least.
    """
    times = np.arange(0, max(end for _, end, _ in truth) + 1, 0.01)
    names = sorted({name for *_, name in truth})
    said, heard, free = np.full(len(times), -1), np.full(len(times), -1), np.zeros(len(times), bool)
    for start, end, name in truth:
        said[(times >= start) & (times < end)] = names.index(name)
        free |= (np.abs(times - start) <= collar_s) | (np.abs(times - end) <= collar_s)
    for turn in turns:
        heard[(times >= turn.start) & (times < turn.end)] = turn.voice
    said, heard = said[~free], heard[~free]
    labels = range(max(len(names), heard.max() + 1))
    wrong = min(
        int(((said >= 0) & (heard >= 0) & (np.array([*order, -1])[heard] != said)).sum())
        for order in itertools.permutations(labels)
    )
    return float((((said >= 0) != (heard >= 0)).sum() + wrong) / (said >= 0).sum())


@pytest.mark.parametrize(
    ("seed", "names"),
    [(1, ("slt", "rms")), (2, ("rms", "awb")), (3, ("slt", "rms", "awb")), (4, ("slt", "kal16", "awb", "rms"))],
)
def test_made_dialogues_are_told_apart(tmp_path, encoder, record_property, seed, names):
    sound, truth = dialogue(seed, names, 10)
    made = recording(tmp_path / "r", sound)
    VoiceActivity().run([made], load_detector())
    Diarization().run([made], encoder)
    found = made.read("speakers", Speakers)
    error = diarization_error(truth, found.turns)
    record_property("diarization_error", error)
    assert len(found.voices) == len({name for *_, name in truth})
    assert error < 0.06
    # All speech is in exactly one turn, and voices are counted in order of appearance.
    spans = made.read("voice", Voiced).spans
    assert sum(turn.end - turn.start for turn in found.turns) == pytest.approx(
        sum(span.end - span.start for span in spans), abs=0.01
    )
    assert all(one.end <= other.start + 1e-9 for one, other in itertools.pairwise(found.turns))
    assert list(dict.fromkeys(turn.voice for turn in found.turns)) == list(range(len(found.voices)))


def talking_over(seed: int, names: tuple[str, str], turns: int) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Two voices in turn, every second one beginning 0.8 to 2 s before the first has ended; and when both speak."""
    draw = np.random.default_rng(seed)
    said, both, at = [], [], 0.5
    for number in range(turns):
        sound = say(" ".join(draw.choice(SAYINGS, 2, replace=False)), names[number % 2])
        sound = sound / np.sqrt(np.mean(np.square(sound))) * 0.06
        start = at - float(draw.uniform(0.8, 2)) if number % 2 else at + 0.3
        both += [(start, at)] if number % 2 else []
        said.append((round(start * RATE_HZ), sound))
        at = start + len(sound) / RATE_HZ
    mixed = np.zeros(round((at + 0.5) * RATE_HZ), np.float32)
    for first, sound in said:
        mixed[first : first + len(sound)] += sound
    return mixed, both


def test_half_of_the_times_when_two_speak_at_once_are_marked_and_most_marks_are_right(
    tmp_path, encoder, record_property
):
    hit = events = right = marks = 0
    for seed, names in ((1, ("slt", "rms")), (2, ("rms", "awb")), (3, ("slt", "awb"))):
        sound, both = talking_over(seed, names, 8)
        made = recording(tmp_path / str(seed), sound)
        VoiceActivity().run([made], load_detector())
        Diarization(count=2).run([made], encoder)
        found = made.read("speakers", Speakers)
        hit += sum(any(one.start < end and one.end > start for one in found.overlaps) for start, end in both)
        right += sum(any(one.start < end and one.end > start for start, end in both) for one in found.overlaps)
        events, marks = events + len(both), marks + len(found.overlaps)
        assert all(one.voices[0] != one.voices[1] for one in found.overlaps)
        assert sum(one.end - one.start for one in found.overlaps) == pytest.approx(
            sum(turn.overlap * (turn.end - turn.start) for turn in found.turns), rel=0.05, abs=0.2
        )
    record_property("overlaps_found", f"{hit} of {events}")
    record_property("marks_right", f"{right} of {marks}")
    assert hit >= 0.5 * events
    assert right >= 0.6 * marks


def test_embeddings_are_kept_on_request_alone_and_tell_voices_apart(tmp_path, encoder):
    sound, _ = dialogue(1, ("slt", "rms"), 6)
    made = recording(tmp_path / "r", sound)
    VoiceActivity().run([made], load_detector())
    Diarization().run([made], encoder)
    assert not made.has("speaker_embedding")
    assert Diarization().track_columns == {}
    step = Diarization(embeddings=True)
    step.run([made], encoder)
    turns, track = made.read("speakers", Speakers).turns, made.read("speaker_embedding", Track)
    assert len(track) == len(turns)
    assert len(track.columns) == voice_encoder.DIMENSIONS
    assert step.makes == ("speakers", "speaker_embedding")
    assert np.linalg.norm(track.values, axis=1) == pytest.approx(1)
    alike = track.values @ track.values.T
    same = np.equal.outer(*[[turn.voice for turn in turns]] * 2)
    assert alike[same].min() > alike[~same].max()
    made = recording(tmp_path / "silent", silence(2))
    made.write("voice", Voiced(spans=()))
    step.run([made], encoder)
    assert made.absences == {"speaker_embedding": "nobody speaks"}


def test_a_turn_has_the_mean_of_its_windows_or_the_nearest_one():
    embeddings = np.eye(3, 4, dtype=np.float32)
    turns = [Turn(start=start, end=end, voice=0, score=1, margin=1) for start, end in ((0, 2), (2, 3), (8, 8.1))]
    track = embeddings_of(turns, [(0.0, 1.0), (1.0, 3.0), (6.0, 7.0)], embeddings)
    assert track.values[0] == pytest.approx(np.array([1, 1, 0, 0]) / np.sqrt(2))
    assert track.values[1].tolist() == [0, 1, 0, 0]
    assert track.values[2].tolist() == [0, 0, 1, 0]
    assert track.spans.tolist() == [[0, 2_000_000], [2_000_000, 3_000_000], [8_000_000, 8_100_000]]


def test_two_voices_are_between_where_they_are_close_for_half_a_second_without_a_pause():
    margins = np.array([0.3, 0.05, 0.05, 0.05, 0.05, 0.05, 0.3, 0.05, 0.05, 0.05, 0.05, 0.3])
    alike = np.stack([np.full(12, 0.8), 0.8 - margins, np.full(12, 0.1)], axis=1)
    none = np.zeros(12, bool)
    assert np.flatnonzero(between_two(alike, none)).tolist() == [1, 2, 3, 4, 5]
    assert not between_two(alike, np.arange(12) == 3).any()
    assert not between_two(alike[:, :1], none).any()


def test_one_person_is_one_voice_unless_more_are_asked_for(tmp_path, encoder):
    made = recording(tmp_path / "r", np.concatenate([say(" ".join(SAYINGS)), silence(0.5)]))
    VoiceActivity().run([made], load_detector())
    Diarization().run([made], encoder)
    assert len(made.read("speakers", Speakers).voices) == 1
    Diarization(count=2).run([made], encoder)
    assert len(made.read("speakers", Speakers).voices) == 2


def test_silence_has_no_turns_and_a_short_word_has_one(tmp_path, encoder):
    made = recording(tmp_path / "silent", silence(2))
    made.write("voice", Voiced(spans=()))
    Diarization().run([made], encoder)
    assert made.read("speakers", Speakers) == Speakers(turns=(), voices=())
    made = recording(tmp_path / "brief", np.concatenate([silence(0.2), say("no"), silence(0.2)]))
    made.write("voice", Voiced(spans=(Span(start=0.2, end=0.45),)))
    Diarization().run([made], encoder)
    (turn,) = made.read("speakers", Speakers).turns
    assert (turn.start, turn.end, turn.voice) == (0.2, 0.45, 0)


def test_the_encoder_is_that_of_its_package(encoder):
    if find_spec("resemblyzer") is None:
        pytest.skip("pip install --no-deps Resemblyzer")
    sound = (say(SAYINGS[0])[: round(voice_encoder.WINDOW_S * RATE_HZ)] * 0.05).astype(np.float32)
    script = """
import sys, types
import numpy as np, scipy.ndimage, torch
sys.modules["webrtcvad"] = types.ModuleType("webrtcvad")
moved = types.ModuleType("scipy.ndimage.morphology")
moved.binary_dilation = scipy.ndimage.binary_dilation
sys.modules["scipy.ndimage.morphology"] = moved
from resemblyzer import VoiceEncoder
from resemblyzer.audio import normalize_volume, wav_to_mel_spectrogram
sound = normalize_volume(np.frombuffer(sys.stdin.buffer.read(), np.float32), -30, increase_only=True)
with torch.no_grad():
    found = VoiceEncoder("cpu", verbose=False)(torch.from_numpy(wav_to_mel_spectrogram(sound)[None]))
sys.stdout.buffer.write(found[0].numpy().tobytes())
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], input=sound.tobytes(), capture_output=True, check=True
    )
    gain = voice_encoder.loudness_gain(float(np.mean(np.square(sound, dtype=np.float64))))
    (own,) = voice_encoder.embed(encoder, [gain * sound])
    assert np.abs(own - np.frombuffer(done.stdout, np.float32)).max() < 1e-5
    assert gain > 1


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30)), min_size=1, max_size=6),
)
def test_windows_cover_all_speech_that_is_long_enough(pieces):
    spans, at = [], 0
    for length, gap in pieces:
        spans.append((at / 10, (at + length) / 10))
        at += length + gap
    windows = windows_of(spans, length_s=1.6, hop_s=0.4, least_s=0.4, join_s=0.3)
    assert windows == sorted(windows)
    assert all(end - start <= 1.6 + 1e-9 for start, end in windows)
    for start, end in spans:
        if end - start >= 0.4:
            for time in np.linspace(start, end, 9):
                assert any(low - 1e-9 <= time <= high + 1e-9 for low, high in windows)


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 1000))
def test_the_search_finds_the_best_of_all_sequences(frames, some, seed):
    draw = np.random.default_rng(seed)
    alike, breaks = draw.random((frames, some)) * 3, draw.random(frames) < 0.3

    def worth(path: tuple[int, ...]) -> float:
        gain = voice_clusters.SHARPNESS * voice_clusters.FRAME_S * sum(alike[at, one] for at, one in enumerate(path))
        costs = [voice_clusters.SWITCH_COST / (4 if pause else 1) for pause in breaks[1:]]
        return gain - sum(
            cost for cost, (one, other) in zip(costs, itertools.pairwise(path), strict=True) if one != other
        )

    best = max(worth(path) for path in itertools.product(range(some), repeat=frames))
    assert worth(tuple(voice_of_frames(alike, breaks).tolist())) == pytest.approx(best)


def near(draw: np.random.Generator, centre: np.ndarray, count: int) -> np.ndarray:
    some = np.abs(centre + 0.02 * draw.standard_normal((count, len(centre))))
    return (some / np.linalg.norm(some, axis=1, keepdims=True)).astype(np.float32)


def test_long_recordings_have_the_same_voices_as_if_all_pairs_were_looked_at(monkeypatch):
    draw = np.random.default_rng(0)
    centres = np.eye(3, 16) + 0.1
    embeddings = np.concatenate([near(draw, centres[index % 3], 40) for index in range(9)])
    mass = np.full(len(embeddings), 0.4)
    whole = voices(embeddings, mass, similarity=0.7, count=None, least=1.0)
    monkeypatch.setattr(voice_clusters, "_TOGETHER", 50)
    parts = voices(embeddings, mass, similarity=0.7, count=None, least=1.0)
    assert len(whole) == len(parts) == 3
    assert (np.sum(whole * parts, axis=1) > 0.999).all()


def test_moments_outside_of_all_windows_go_with_the_nearest():
    embeddings = np.eye(2, 4, dtype=np.float32)
    alike = frame_similarities(
        np.array([0.1, 3.0, 5.0, 9.0]), np.array([[0.0, 1.6], [6.0, 7.6]]), embeddings, embeddings
    )
    assert alike.argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_what_is_too_brief_for_a_voice_goes_with_others():
    embeddings = np.eye(2, 4, dtype=np.float32)[[0, 0, 0, 0, 1]]
    windows = [(at, at + 1.6) for at in (0.0, 0.4, 0.8, 1.2)]
    for length, voices_heard in ((0.8, {0}), (1.2, {0, 1})):
        spans = [(0.0, 2.8), (4.0, 4.0 + length)]
        turns, _ = told_apart(spans, [*windows, (4.0, 4.0 + length)], embeddings)
        assert {turn.voice for turn in turns} == voices_heard
        assert len(turns) == 2


def test_each_moment_of_speech_counts_for_the_window_that_is_nearest():
    moments = np.array([(at / 10, (at + 1) / 10) for at in (*range(28), *range(40, 55))])
    windows = np.array([(0.0, 1.6), (0.4, 2.0), (1.2, 2.8), (4.0, 5.5)])
    found = speech_of_windows(moments, windows)
    assert found == pytest.approx([1.0, 0.6, 1.2, 1.5])
    assert found.sum() == pytest.approx(np.diff(moments).sum())
    assert speech_of_windows(moments, windows[:1]) == pytest.approx([4.3])


TURNS = tuple(
    Turn(start=start, end=start + 1, voice=voice, score=0.9, margin=0.2) for start, voice in ((0, 0), (2, 1), (3, 0))
)


def test_a_stretch_has_the_voice_that_has_most_of_it():
    assert voice_at(TURNS, 0.5, 2.8) == 1
    assert voice_at(TURNS, 0.5, 2.5) == 0
    assert voice_at(TURNS, 1.0, 2.0) is None
    assert [turn.start for turn in turns_within(TURNS, 0.9, 2.1)] == [0, 2]
    assert list(turns_within(TURNS, 1.2, 1.8)) == []


def test_a_voice_has_the_face_that_speaks_with_it():
    count = 4
    spans = np.stack([np.arange(count), np.arange(count) + 1], axis=1).astype(np.int64) * 1_000_000
    score = np.array([0.9, 0.0, 0.0, 0.0, 0.0, 0.8, 0.7, 0.0], np.float32)
    frame, face = np.repeat(np.arange(count), 2), np.tile([4, 7], count)
    speaking = Speaking(np.arange(count, dtype=float), spans, np.ones(count, np.float32), frame, face, score)
    first, second = voices_of(TURNS, speaking)
    assert (first.face, first.seconds, first.face_score) == (4, 2.0, pytest.approx(0.8))
    assert (second.face, second.face_score) == (7, pytest.approx(0.8))
    assert [voice.face for voice in voices_of(TURNS, None)] == [None, None]
