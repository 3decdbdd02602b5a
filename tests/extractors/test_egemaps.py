import numpy as np
import pytest
import soundfile
from pydantic import ValidationError
from recordings import FolderRecording
from voices import RATE_HZ, glide, reader, talk

from extractors.egemaps import COLUMNS, Egemaps, centred, descriptors, measure
from schemas.track import Track

pytest.importorskip("opensmile", reason="openSMILE is an extra of its own: pip install 'affectloom[egemaps]'")

F0 = "F0semitoneFrom27.5Hz_sma3nz"


@pytest.fixture(scope="module")
def smile():
    return Egemaps().load()


def egemaps_of(sound, smile, spans=None, **options) -> Track:
    return measure(reader(sound), len(sound), spans or ((0, len(sound) / RATE_HZ),), smile, **options)


def test_pitch_stands_at_the_middle_of_its_frame(smile):
    errors = []
    for hz_per_s in (40.0, -40.0):
        track = egemaps_of(glide(200, hz_per_s, 2), smile)
        f0 = 27.5 * 2 ** (track.column(F0).astype(np.float64)[20:180] / 12)
        errors.append(np.nanmean(f0 - 200 - hz_per_s * track.times[20:180]))
    # What openSMILE reads too high or too low is the same up and down; a shift in time changes its sign.
    late_s = (errors[1] - errors[0]) / 2 / 40
    assert abs(late_s) < 0.002


def test_a_click_is_where_it_was(smile):
    sound = np.zeros(2 * RATE_HZ, np.float32)
    sound[RATE_HZ + 80] = 0.9
    loudness = egemaps_of(sound, smile).column("Loudness_sma3").astype(np.float64)
    loudness -= np.nanmin(loudness)
    at = np.nansum(loudness * np.arange(len(loudness)) * 0.01) / np.nansum(loudness)
    assert at == pytest.approx(1.005, abs=0.001)


def test_values_are_opensmiles_own(smile):
    sound = talk(4, seed=1)
    table, track = descriptors(smile, sound), egemaps_of(sound, smile)
    assert track.columns == COLUMNS
    frames = np.arange(10, 380)
    np.testing.assert_array_equal(track.column("Loudness_sma3")[frames], table[frames - 1, 0])
    f0 = table[frames - 3, COLUMNS.index(F0)]
    np.testing.assert_array_equal(track.column(F0)[frames], np.where(f0 > 0, f0, np.nan))


def test_nothing_unvoiced_is_given_a_value_that_means_none(smile):
    track = egemaps_of(talk(4, seed=2), smile)
    unvoiced = np.isnan(track.column(F0))
    assert unvoiced.any()
    assert not unvoiced.all()
    for name in COLUMNS:
        if name.startswith(("jitter", "shimmer", "HNR", "logRel")) or "amplitude" in name:
            assert np.isnan(track.column(name)[unvoiced]).all(), name
        if "frequency" in name or "bandwidth" in name:
            assert np.nanmin(track.column(name)) > 0, name


def test_what_was_not_found_in_a_voiced_frame_is_no_value():
    table = np.full((1, len(COLUMNS)), 1.0, np.float32)
    levels = [place for place, name in enumerate(COLUMNS) if "logrelf0" in name.lower()]
    periods = [place for place, name in enumerate(COLUMNS) if name.startswith(("jitter", "shimmer", "HNR"))]
    formants = [place for place, name in enumerate(COLUMNS) if name.endswith(("frequency_sma3nz", "width_sma3nz"))]
    assert (len(levels), len(periods), len(formants)) == (5, 3, 6)
    table[0, levels] = -201
    table[0, periods + formants] = 0
    unfound = levels + periods + formants
    values = centred(table)
    assert np.isnan(values[:, unfound]).all()
    assert np.isfinite(np.delete(values, unfound, axis=1)).sum() == len(COLUMNS) - len(unfound)


def test_blocks_hardly_show(smile):
    sound = talk(20, seed=3)
    whole, pieces = egemaps_of(sound, smile), egemaps_of(sound, smile, longest_s=7)
    for name in ("Loudness_sma3", "mfcc1_sma3", "spectralFlux_sma3"):
        np.testing.assert_allclose(whole.column(name), pieces.column(name), rtol=1e-3, atol=1e-3, err_msg=name)
    one, other = whole.column(F0), pieces.column(F0)
    assert np.mean(np.isnan(one) == np.isnan(other)) > 0.98
    assert np.nanmedian(np.abs(one - other)) < 1e-3


@pytest.mark.parametrize("length", [0, 100, 500, 1000])
def test_short_sounds_have_their_frames(smile, length):
    assert len(egemaps_of(glide(200, 0, 1)[:length], smile)) == -(-length // 160)


def test_the_step_writes_a_track(tmp_path, smile):
    recording = FolderRecording(tmp_path / "r")
    soundfile.write(recording.folder / "audio.flac", talk(2, seed=4), RATE_HZ, subtype="PCM_16")
    Egemaps().run([recording], smile)
    first = (recording.folder / "egemaps.track.parquet").read_bytes()
    Egemaps().run([recording], smile)
    assert (recording.folder / "egemaps.track.parquet").read_bytes() == first
    assert recording.read("egemaps", Track).valid.any()


def test_another_set_is_refused():
    with pytest.raises(ValidationError, match="set"):
        Egemaps(set="ComParE_2016")
