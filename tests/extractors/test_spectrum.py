import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voices import RATE_HZ, talk

from extractors.spectrum import MFCC, SPECTRAL_COLUMNS, deltas, spectral

CENTROID, FLUX, ROLLOFF = (SPECTRAL_COLUMNS.index(f"spectral_{name}") for name in ("centroid_hz", "flux", "rolloff_hz"))


def ours(sound, hop=160, window=512, mel_bands=40):
    return spectral(sound, 0, 0, -(-len(sound) // hop) - 1, hop, window=window, mel_bands=mel_bands)


@pytest.mark.parametrize(("hop", "window", "mel_bands"), [(160, 512, 40), (80, 400, 26), (512, 2048, 128)])
def test_every_measure_is_librosas(hop, window, mel_bands):
    sound = talk(3, seed=1)
    found = ours(sound, hop, window, mel_bands)
    asked = {"sr": RATE_HZ, "n_fft": window, "hop_length": hop}
    frames = len(found)
    # Called directly: these sounds span less than the 80 dB at which librosa would cut.
    mfcc = librosa.feature.mfcc(y=sound, n_mfcc=MFCC, n_mels=mel_bands, **asked).T[:frames]
    np.testing.assert_allclose(found[:, -MFCC:], mfcc, rtol=1e-4, atol=1e-3)
    centroid = librosa.feature.spectral_centroid(y=sound, **asked)[0][:frames]
    np.testing.assert_allclose(found[:, CENTROID], centroid, rtol=1e-4)
    assert np.array_equal(found[:, ROLLOFF], librosa.feature.spectral_rolloff(y=sound, **asked)[0][:frames])
    np.testing.assert_allclose(deltas(found[:, -MFCC:]), librosa.feature.delta(mfcc.T).T, rtol=1e-3, atol=1e-3)


def test_flux_is_the_squared_distance_of_unit_spectra():
    sound = talk(2, seed=2)
    magnitude = np.abs(librosa.stft(sound, n_fft=512, hop_length=160)).astype(np.float64)
    unit = magnitude / np.linalg.norm(magnitude, axis=0)
    flux = np.sum(np.diff(unit, axis=1) ** 2, axis=0)
    found = ours(sound)[:, FLUX]
    np.testing.assert_allclose(found[1:], flux[: len(found) - 1], rtol=1e-3, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(level=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_level_moves_only_the_first_cepstral_coefficient(level, seed):
    sound = np.random.default_rng(seed).normal(0, 0.1, 4000).astype(np.float32)
    soft, loud = ours(sound), ours(np.float32(level) * sound)
    np.testing.assert_allclose(soft[1:, [CENTROID, FLUX]], loud[1:, [CENTROID, FLUX]], rtol=1e-3)
    rise = 20 * np.log10(level) * np.sqrt(40)
    np.testing.assert_allclose(loud[:, 3] - soft[:, 3], rise, atol=0.01 + 1e-4 * abs(rise))
    np.testing.assert_allclose(loud[:, 4:], soft[:, 4:], atol=0.01)


def test_a_part_of_a_sound_gives_the_same_frames():
    sound = talk(3, seed=3)
    whole = ours(sound)
    origin = 12_345
    part = spectral(sound[origin : origin + 20_000], origin, 90, 180, 160, window=512, mel_bands=40)
    np.testing.assert_allclose(part, whole[90:181], rtol=1e-4, atol=1e-4)


def test_the_jump_from_tone_to_tone_is_the_largest_flux_there_is():
    t = np.arange(RATE_HZ) / RATE_HZ
    # A hop of a whole window: the frame before holds the one tone alone, the frame after the other.
    low, high = np.sin(2 * np.pi * 500 * t[:5120]), np.sin(2 * np.pi * 5000 * t[:5120])
    flux = ours(np.concatenate([low[:-256], high]).astype(np.float32), hop=512)[:, FLUX]
    jump = int(np.nanargmax(flux))
    assert flux[jump] == pytest.approx(2, abs=0.01)
    assert np.delete(flux, [0, 1, jump, len(flux) - 1]).max() < 0.01


def test_frames_of_zeros_are_not_measured_nor_are_deltas_that_reach_them():
    sound = np.zeros(16_000, np.float32)
    sound[8000:] = np.random.default_rng(0).normal(0, 0.1, 8000)
    found = ours(sound)
    assert np.isnan(found[:48]).all()
    assert not np.isnan(found[53:]).any()
    slope = deltas(found[:, -MFCC:])
    first = int(np.flatnonzero(~np.isnan(found[:, 3]))[0])
    assert np.flatnonzero(~np.isnan(slope[:, 0]))[0] == first + 4


def test_fewer_than_nine_frames_have_no_delta():
    assert np.isnan(deltas(np.ones((8, 13), np.float32))).all()
    assert deltas(np.arange(9, dtype=np.float32)[:, None] * 2) == pytest.approx(2.0)
