import subprocess
import sys
from pathlib import Path

import numpy as np
import parselmouth
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from parselmouth.praat import call
from pydantic import ValidationError
from recordings import FolderRecording
from scipy.signal import lfilter
from voices import RATE_HZ, VOWEL, glide, pulses, reader, resonate, talk

from extractors import praat
from extractors.prosody import Prosody, measure
from extractors.quiet_cuts import cuts
from extractors.voice_quality import jitter_local, shimmer_local
from schemas.facts import Watched
from schemas.track import Track


def prosody_of(sound, how=None, spans=None, **options) -> Track:
    spans = ((0, len(sound) / RATE_HZ),) if spans is None else spans
    return measure(reader(sound), len(sound), spans, how or Prosody(), **options)


def on_the_grid(sound, analyse, *, on_samples):
    """The sound with zeros in front such that Praat, given it whole, lays its frames on our grid; and those frames.

    on_samples: whether they shall lie on samples or between two, where the analysis is clear of rounding.
    """
    for shorter in (sound, sound[:-1]):
        found = analyse(parselmouth.Sound(shorter.astype(np.float64), RATE_HZ))
        sample = found.x1 * RATE_HZ - on_samples / 2  # to Praat, sample n is at (n + 0.5) / rate
        if abs(sample - round(sample)) < 1e-6:
            zeros = -round(sample) % 160
            return np.concatenate([np.zeros(zeros, np.float32), shorter]), (round(sample) + zeros) // 160, found
    raise AssertionError("Praat's frames lie elsewhere")


def over(values, first, frames):
    laid = np.full(frames, np.nan)
    laid[first : first + len(values)] = values[: frames - first]
    return laid


@pytest.mark.parametrize("hz_per_s", [60.0, -60.0])
@pytest.mark.parametrize("hop_ms", [10, 5, 12.5])
def test_pitch_of_a_glide_is_right_at_every_moment(hz_per_s, hop_ms):
    track = prosody_of(glide(200, hz_per_s, 1.5), Prosody(hop_ms=hop_ms))
    f0 = track.column("f0_hz").astype(np.float64)
    known = 200 + hz_per_s * track.times
    voiced = ~np.isnan(f0)
    assert voiced.mean() > 0.9
    assert np.abs(f0 / known - 1)[voiced].max() < 0.005
    # A shift by half a hop of 10 ms would show as 0.3 Hz, always to the same side.
    assert abs(np.mean((f0 - known)[voiced])) < 0.06


def test_pitch_is_what_praat_gives_for_the_whole_sound():
    sound, first, found = on_the_grid(
        talk(6, seed=1), lambda s: s.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=500), on_samples=False
    )
    ours = prosody_of(sound).column("f0_hz")
    theirs = over(
        np.where(found.selected_array["frequency"] > 0, found.selected_array["frequency"], np.nan), first, len(ours)
    )
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.sum(~np.isnan(ours)) > 200
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_harmonicity_of_voiced_frames_is_what_praat_gives_for_the_whole_sound():
    sound, first, found = on_the_grid(
        talk(6, seed=2), lambda s: s.to_harmonicity_cc(time_step=0.01, minimum_pitch=75), on_samples=False
    )
    track = prosody_of(sound)
    ours = track.column("hnr_praat_db")
    measured = ~np.isnan(ours)
    theirs = over(found.values[0], first, len(ours))
    assert measured.sum() > 200
    assert not (measured & (track.column("voiced") != 1)).any()
    np.testing.assert_allclose(ours[measured], theirs[measured], atol=1e-4)


def test_intensity_is_what_praat_gives_for_the_whole_sound():
    sound, first, found = on_the_grid(
        talk(6, seed=3), lambda s: s.to_intensity(minimum_pitch=75, time_step=0.01), on_samples=True
    )
    ours = prosody_of(sound).column("intensity_db")
    theirs = over(found.values[0], first, len(ours))
    assert np.array_equal(np.isnan(ours[first:]), np.isnan(theirs[first:]))
    assert np.nanmax(np.abs(ours - theirs)[first:]) < 1e-3


def test_intensity_of_a_sine_is_its_level_in_decibel():
    t = np.arange(RATE_HZ) / RATE_HZ
    sine = (0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    level = 20 * np.log10(0.5 / np.sqrt(2) / 2e-5)
    loud = prosody_of(sine).column("intensity_db")
    soft = prosody_of(sine / 100).column("intensity_db")
    np.testing.assert_allclose(loud[~np.isnan(loud)], level, atol=0.05)
    np.testing.assert_allclose((loud - soft)[~np.isnan(loud)], 40, atol=0.01)


@pytest.mark.parametrize("snr_db", [5, 10, 20, 30])
def test_harmonicity_is_the_ratio_of_tone_to_noise(snr_db):
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 150 * t) * np.sqrt(2)
    noise = np.random.default_rng(snr_db).normal(0, 10 ** (-snr_db / 20), len(t))
    track = prosody_of((0.1 * (tone + noise)).astype(np.float32))
    assert np.nanmean(track.column("hnr_praat_db")) == pytest.approx(snr_db, abs=1.0)


def test_formants_of_a_vowel():
    times = np.arange(0.01, 0.99, 1 / 110)
    # A voice falls off by 6 dB an octave once it has left the lips; formant analysis expects that.
    voice = lfilter([1], [1, -0.98], pulses(times.tolist(), [1.0] * len(times), 1))
    sound = resonate(voice, VOWEL)
    track = prosody_of(sound)
    for name, (hertz, _) in zip(("f1_hz", "f2_hz", "f3_hz"), VOWEL[:3], strict=True):
        assert np.nanmedian(track.column(name)) == pytest.approx(hertz, rel=0.04)


def test_jitter_of_alternating_periods():
    period, change = 0.008, 0.0001
    steps = period + change * np.tile([1, -1], 60)
    found = praat.Pulses(np.cumsum(steps), np.empty(0), np.empty(0))
    at = np.array([0.5])
    assert jitter_local(found, at, 0.2)[0] == pytest.approx(2 * change / period, rel=0.01)
    sound = resonate(pulses(np.cumsum(steps).tolist(), [1.0] * 120, 1.0), ((500.0, 200.0),))
    heard = prosody_of(sound).column("jitter_local_praat")[20:80]
    assert np.nanmedian(heard) == pytest.approx(2 * change / period, rel=0.2)


def test_shimmer_of_alternating_amplitudes():
    times = np.arange(0.05, 0.95, 0.008)
    heights = 1 + 0.05 * np.tile([1, -1], len(times))[: len(times)]
    found = praat.Pulses(times, times[1:-1], heights[1:-1])
    assert shimmer_local(found, np.array([0.5]), 0.2)[0] == pytest.approx(0.1, rel=0.01)
    sound = resonate(pulses(times.tolist(), heights.tolist(), 1.0), ((500.0, 300.0),))
    heard = prosody_of(sound).column("shimmer_local_praat")[20:80]
    assert np.nanmedian(heard) == pytest.approx(0.1, rel=0.2)


def test_jitter_and_shimmer_are_praats_own_in_every_window():
    sound = talk(5, seed=4).astype(np.float64)
    whole = parselmouth.Sound(sound, RATE_HZ)
    pitch = whole.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=500)
    process = call([whole, pitch], "To PointProcess (cc)")
    _, _, found = praat.pitch(praat.Stretch(sound, 0, 1.0), 0, 499, 160, floor_hz=75, ceiling_hz=500)
    points = [
        call(process, "Get time from index", place + 1) for place in range(int(call(process, "Get number of points")))
    ]
    tier = call([process, whole], "To AmplitudeTier (period)", 0, 0, 1e-4, 0.02, 1.3)
    table = np.array(call(call(tier, "Down to TableOfReal"), "To Matrix").values)
    theirs = praat.Pulses(np.array(points), table[:, 0], table[:, 1])
    for window in (0.05, 0.1, 0.3):
        at = np.arange(0.2, 4.8, 0.037)
        jitter = [call(process, "Get jitter (local)", t - window / 2, t + window / 2, 1e-4, 0.02, 1.3) for t in at]
        shimmer = [
            call([whole, process], "Get shimmer (local)", t - window / 2, t + window / 2, 1e-4, 0.02, 1.3, 1.6)
            for t in at
        ]
        assert np.isnan(jitter).any()
        assert not np.isnan(jitter).all()
        np.testing.assert_allclose(jitter_local(theirs, at, window), jitter, rtol=1e-6)
        np.testing.assert_allclose(shimmer_local(theirs, at, window), shimmer, rtol=1e-6)
    assert len(found.times) == pytest.approx(len(points), rel=0.02)


def test_blocks_do_not_show():
    sound = talk(40, seed=5)
    whole, pieces = prosody_of(sound), prosody_of(sound, longest_s=12)
    assert len(cuts(reader(sound), len(sound), RATE_HZ, 160, 12)) > 4
    for name in whole.columns:
        one, other = whole.column(name), pieces.column(name)
        assert np.array_equal(np.isnan(one), np.isnan(other)), name
        if name.startswith(("jitter", "shimmer", "f1", "f2", "f3")):
            # Pulses are sought from the middle of a voiced stretch, and Burg's method leaps on weak frames: where a
            # cut shortens a stretch, a few frames may differ.
            assert np.nanmean(np.abs(one - other) > 0.01 * np.abs(one)) < 0.005, name
        else:
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3, err_msg=name)


def test_cuts_lie_in_the_silences_and_on_the_grid():
    sound = np.random.default_rng(0).normal(0, 0.1, 60 * RATE_HZ).astype(np.float32)
    for start in np.arange(0.3, 60, 0.77):
        sound[round(start * RATE_HZ) : round((start + 0.3) * RATE_HZ)] = 0
    found = cuts(reader(sound), len(sound), RATE_HZ, 160, 10)
    assert (found[0], found[-1]) == (0, len(sound))
    assert 6 <= len(found) - 1 <= 7
    assert max(np.diff(found)) <= 10 * RATE_HZ
    for cut in found[1:-1]:
        assert cut % 160 == 0
        assert not sound[cut - 1600 : cut + 1600].any()


def test_digital_silence_has_no_level_and_no_spectrum_but_is_known_to_be_unvoiced():
    sound = np.concatenate([glide(150, 0, 1), np.zeros(RATE_HZ, np.float32), glide(150, 0, 1)])
    track = prosody_of(sound)
    middle = slice(115, 185)
    assert np.isnan(track.column("intensity_db")[middle]).all()
    assert np.isnan(track.column("mfcc_01")[middle]).all()
    assert np.isnan(track.column("spectral_centroid_hz")[middle]).all()
    assert (track.column("voiced")[middle] == 0).all()
    assert (track.column("voiced")[10:90] == 1).all()
    assert track.column("f0_hz")[250] == pytest.approx(150, rel=1e-3)


def test_nothing_is_valid_where_the_recording_has_no_sound():
    sound = glide(150, 0, 3)
    sound[:RATE_HZ] = 0
    track = prosody_of(sound, spans=((1.0, 3.0),))
    assert not track.valid[:100].any()
    assert track.valid[100].any()
    pitched = np.flatnonzero(track.column("voiced") == 1)
    # Three periods of 75 Hz must be there: 20 ms on either side.
    assert (pitched[0], pitched[-1]) == (102, 298)


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(0, 2000), hop_ms=st.sampled_from([1, 5, 10, 25, 1000]), level=st.sampled_from([0.0, 1e-5, 0.9])
)
def test_a_sound_of_any_length_has_a_frame_for_every_hop_before_its_end(length, hop_ms, level):
    sound = (level * np.sin(np.arange(length))).astype(np.float32)
    track = prosody_of(sound, Prosody(hop_ms=hop_ms))
    assert len(track) == -(-length // (hop_ms * 16))
    assert track.times.tolist() == pytest.approx([k * hop_ms / 1000 for k in range(len(track))])


def test_pyin_finds_the_same_glide():
    track = prosody_of(glide(150, 40, 1.5), Prosody(f0="pyin"))
    f0 = track.column("f0_hz").astype(np.float64)
    voiced = ~np.isnan(f0)
    assert voiced.mean() > 0.9
    assert np.median(np.abs(f0 / (150 + 40 * track.times) - 1)[voiced]) < 0.01
    assert "voicing_probability_pyin" in track.columns
    assert np.nanmax(track.column("voicing_probability_pyin")) <= 1


def a_recording(folder: Path, sound, spans=None) -> FolderRecording:
    recording = FolderRecording(folder)
    soundfile.write(folder / "audio.flac", sound, RATE_HZ, subtype="PCM_16")
    if spans is not None:
        recording.write("watched", Watched(duration_s=len(sound) / RATE_HZ, sound_spans=spans))
    return recording


def test_the_step_measures_each_recording_the_same_way_whatever_else_is_in_the_batch(tmp_path):
    sounds = [talk(2, seed=6), talk(3, seed=7)]
    together = [a_recording(tmp_path / f"t{n}", sound, ((0.5, 1.5),)) for n, sound in enumerate(sounds)]
    alone = [a_recording(tmp_path / f"a{n}", sound, ((0.5, 1.5),)) for n, sound in enumerate(sounds)]
    step = Prosody()
    step.run(together, step.load())
    for recording in alone:
        step.run([recording], step.load())
    for one, other in zip(together, alone, strict=True):
        data = (one.folder / "prosody.track.parquet").read_bytes()
        assert data == (other.folder / "prosody.track.parquet").read_bytes()
        track = one.read("prosody", Track)
        assert np.flatnonzero(track.valid_frames)[[0, -1]].tolist() == [50, 149]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"hop_ms": 33.3}, "hop_ms"),
        ({"hop_ms": 0}, "hop_ms"),
        ({"f0_floor_hz": 300, "f0_ceiling_hz": 200}, "f0_ceiling_hz"),
        ({"spectrum_window_ms": 20.01}, "spectrum_window_ms"),
        ({"f0": "crepe"}, "f0"),
        ({"hop": 10}, "hop"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(fields, named):
    with pytest.raises(ValidationError, match=named):
        Prosody(**fields)


def test_a_new_process_does_not_pay_for_librosa_and_numba(tmp_path):
    a_recording(tmp_path / "r", glide(150, 0, 1))
    code = (
        "import sys; from pathlib import Path; from recordings import FolderRecording\n"
        "from extractors.prosody import Prosody\n"
        f"step = Prosody(); step.run([FolderRecording(Path({str(tmp_path / 'r')!r}))], step.load())\n"
        "print([name for name in ('librosa', 'numba', 'scipy', 'torch') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root}:{root / 'tests'}"},
    )
    assert done.stdout.strip() == "[]"
    assert (tmp_path / "r" / "prosody.track.parquet").is_file()
