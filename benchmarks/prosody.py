"""What does prosody cost, cold and warm, against the calls it cannot avoid and against librosa call by call?

    python benchmarks/prosody.py [SOUND]

SOUND: any file that soundfile reads, 16 kHz mono; without it 20 s are synthesised. Compared in this one run, each in
processes of its own, one thread:

- ours: the `prosody` step's measuring, all columns.
- bare Praat: parselmouth's pitch (ac), intensity, harmonicity (cc), point process and formants (burg) on the whole
  sound, nothing else, nothing put on a grid. Without formants in a second line.
- spectrum: our centroid, roll-off, MFCC and deltas.
- librosa, call by call: the same four from the waveform, each with a Fourier transform of its own, as MMSA-FET does.

Ours asks Praat for harmonicity and formants only where there is voice, so it can cost less than the bare calls.

Cold is a new process from its first import to the first result; the first of them may compile for numba's cache. Warm
is the median of further calls. CPU-seconds. Nothing is printed before the values agree: with Praat F0 and intensity
within 1 % frame by frame and harmonicity within 0.25 dB (medians; equality on the same frames is proven in
tests/extractors/test_prosody.py), with librosa every spectral column within 1e-4 of its range.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RATE_HZ, HOP, WINDOW, MELS = 16_000, 160, 512, 40
REPEATS = 5
CHILD = "--as-child"
KINDS = ("ours", "praat", "praat-without-formants", "spectrum", "librosa")


def synthetic(seconds: int = 20) -> np.ndarray:
    """Harmonics whose pitch wanders between 100 and 220 Hz, in syllables, over noise."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(160 + 60 * np.sin(2 * np.pi * 0.4 * t)) / RATE_HZ
    voice = sum(np.sin(number * phase) / number for number in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 1.7 * t) + 0.4, 0, 1)
    sound = 0.2 * voice * syllables + np.random.default_rng(0).normal(0, 0.003, len(t))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def ours(sound: np.ndarray) -> dict[str, np.ndarray]:
    from extractors.prosody import Prosody, measure

    whole = ((0.0, len(sound) / RATE_HZ),)
    track = measure(lambda first, stop: sound[first:stop], len(sound), whole, Prosody())
    return {"times": track.times, **{name: track.column(name) for name in track.columns}}


def praat(sound: np.ndarray, *, with_formants: bool = True) -> dict[str, np.ndarray]:
    import parselmouth

    whole = parselmouth.Sound(sound.astype(np.float64), RATE_HZ)
    step = HOP / RATE_HZ
    pitch = whole.to_pitch_ac(time_step=step, pitch_floor=75, pitch_ceiling=500)
    intensity = whole.to_intensity(minimum_pitch=75, time_step=step)
    harmonicity = whole.to_harmonicity_cc(time_step=step, minimum_pitch=75)
    parselmouth.praat.call([whole, pitch], "To PointProcess (cc)")
    if with_formants:
        whole.to_formant_burg(time_step=step, maximum_formant=5500)
    return {
        "f0_hz_times": pitch.xs(),
        "f0_hz": pitch.selected_array["frequency"],
        "intensity_db_times": intensity.xs(),
        "intensity_db": intensity.values[0],
        "hnr_praat_db_times": harmonicity.xs(),
        "hnr_praat_db": harmonicity.values[0],
    }


def spectrum(sound: np.ndarray) -> dict[str, np.ndarray]:
    from extractors.spectrum import SPECTRAL_COLUMNS, deltas, spectral

    found = spectral(sound, 0, 0, -(-len(sound) // HOP) - 1, HOP, window=WINDOW, mel_bands=MELS)
    values = dict(zip(SPECTRAL_COLUMNS, found.T, strict=True))
    values |= {f"mfcc_{number:02d}_delta": column for number, column in enumerate(deltas(found[:, 3:]).T, 1)}
    del values["spectral_flux"]  # librosa has none of this definition
    return values


def librosa_calls(sound: np.ndarray) -> dict[str, np.ndarray]:
    import librosa

    asked = {"y": sound, "sr": RATE_HZ, "n_fft": WINDOW, "hop_length": HOP}
    mfcc = librosa.feature.mfcc(n_mfcc=13, n_mels=MELS, **asked)
    slope = librosa.feature.delta(librosa.feature.mfcc(n_mfcc=13, n_mels=MELS, **asked))
    values = {
        "spectral_centroid_hz": librosa.feature.spectral_centroid(**asked)[0],
        "spectral_rolloff_hz": librosa.feature.spectral_rolloff(**asked)[0],
    }
    values |= {f"mfcc_{number:02d}": column for number, column in enumerate(mfcc, 1)}
    return values | {f"mfcc_{number:02d}_delta": column for number, column in enumerate(slope, 1)}


def runner(kind: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    if kind == "praat-without-formants":
        return lambda sound: praat(sound, with_formants=False)
    return {"ours": ours, "praat": praat, "spectrum": spectrum, "librosa": librosa_calls}[kind]


def as_child(kind: str, sound_file: str, result: str) -> None:
    """One process: cold, then warm."""
    sound = np.load(sound_file)
    begin = time.process_time()
    values = runner(kind)(sound)
    cold = time.process_time() - begin
    np.savez(result, **values)
    warm = []
    for _ in range(REPEATS):
        begin = time.process_time()
        runner(kind)(sound)
        warm.append(time.process_time() - begin)
    print(json.dumps({"cold": cold, "warm": statistics.median(warm)}))


def check(found: dict[str, dict[str, np.ndarray]]) -> None:
    """Raises AssertionError with the column that does not agree."""
    mine, bare = found["ours"], found["praat"]
    for name, voiceless in (("f0_hz", 0.0), ("intensity_db", -300.0), ("hnr_praat_db", -200.0)):
        known = np.where(bare[name] > voiceless, bare[name], np.nan)
        theirs = np.interp(mine["times"], bare[f"{name}_times"], known)
        if name == "hnr_praat_db":  # changes too much within half a hop to be compared frame by frame
            voiced = ~np.isnan(mine[name]) & ~np.isnan(theirs)
            assert abs(np.median(mine[name][voiced]) - np.median(theirs[voiced])) < 0.25, name
        else:
            assert np.nanmedian(np.abs(mine[name] - theirs) / theirs) < 0.01, name
    one, other = found["spectrum"], found["librosa"]
    for name, values in one.items():
        # librosa has one frame more, centred on the end, which the deltas of the last frames look at.
        inner = slice(0, len(values) - 5)
        difference = np.abs(values[inner] - other[name][: len(values)][inner]).max()
        assert difference <= 1e-4 * np.ptp(other[name]), (name, difference)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", nargs="?")
    asked = parser.parse_args()
    sound = synthetic()
    if asked.sound:
        import soundfile

        sound, rate_hz = soundfile.read(asked.sound, dtype="float32")
        if rate_hz != RATE_HZ or sound.ndim != 1:
            parser.error(f"{asked.sound} is not 16 kHz mono")
    found, figures = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "sound.npy", sound)
        surroundings = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        for kind in KINDS:
            result = Path(folder) / f"{kind}.npz"
            command = [sys.executable, __file__, CHILD, kind, str(Path(folder) / "sound.npy"), str(result)]
            runs = [
                json.loads(subprocess.run(command, check=True, capture_output=True, env=surroundings).stdout)
                for _ in range(3)
            ]
            # The first process may compile for numba's cache; that is told apart.
            first, again = runs[0]["cold"], statistics.median(run["cold"] for run in runs[1:])
            figures[kind] = (first, again, statistics.median(run["warm"] for run in runs))
            with np.load(result) as values:
                found[kind] = {name: values[name] for name in values.files}
    check(found)
    seconds = len(sound) / RATE_HZ
    print(f"{seconds:.1f} s of sound, CPU-seconds, values agree")
    print(f"{'':24s} {'first process':>14s} {'new process':>12s} {'warm':>8s} {'x real time':>12s}")
    for kind, (first, again, warm) in figures.items():
        print(f"{kind:24s} {first:14.3f} {again:12.3f} {warm:8.3f} {seconds / warm:12.0f}")
    mine, bare = figures["ours"][2], figures["praat"][2]
    fewer = figures["praat-without-formants"][2]
    print(f"ours / bare Praat: {mine / bare:.2f} with formants, {mine / fewer:.2f} without them on Praat's side")
    ratio = [theirs / own for theirs, own in zip(figures["librosa"], figures["spectrum"], strict=True)]
    print(f"librosa call by call / ours: {ratio[1]:.0f} in a new process, {ratio[2]:.1f} warm")


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        as_child(*sys.argv[2:5])
    else:
        main()
