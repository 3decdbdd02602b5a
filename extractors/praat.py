"""Praat's analyses on our grid: frame k stands for time k * hop, exactly.

Praat centres its frames in the sound that it is given. Each analysis is therefore given a piece of sound whose middle
is the middle of the wanted frames and which holds just so many of them: nothing is interpolated or shifted.

Boersma (1993), Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound, IFA Proceedings 17, 97-110; Boersma & Weenink, Praat: doing phonetics by computer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.sound import RATE_HZ

Floats = NDArray[np.float64]

SILENCE_F0 = 0.03
SILENCE_HNR = 0.1
PERIOD_S = (1e-4, 0.02)
"""Shortest and longest period that jitter and shimmer look at: Praat's standard."""
PERIOD_FACTOR = 1.3
"""Neighbouring periods that differ by more do not count."""
FORMANT_WINDOW_S = 0.025
"""As in Praat, the Gaussian window is twice as long in all."""

_NOTHING_DB = -60.0
"""Intensity of 2e-8 of full scale, below half a step of 24-bit sound: there is nothing to be measured."""


@dataclass(frozen=True)
class Stretch:
    """Sound around the frames that are wanted.

    samples: float64[n], in [-1, 1]; taken as zero outside.
    origin: clock index of the first sample.
    peak: largest distance of any sample of the whole recording from its mean; thresholds are shares of it.
    """

    samples: Floats
    origin: int
    peak: float


@dataclass(frozen=True)
class Pulses:
    """Glottal pulses: times (float64[N], s), and for those with a regular period on both sides, their amplitude."""

    times: Floats
    amplitude_times: Floats
    amplitudes: Floats


def pitch_window_s(floor_hz: float) -> float:
    """Length of sound under one frame of F0: three periods of the floor."""
    return 3 / floor_hz


def harmonicity_window_s(floor_hz: float) -> float:
    """Length of sound under one frame of HNR: a window of one period, moved by up to one period."""
    return 2 / floor_hz


def intensity_window_s(floor_hz: float) -> float:
    """Length of sound under one frame of intensity: a Kaiser-20 window, 3.2 / floor long where it counts."""
    return 6.4 / floor_hz


def formant_window_s() -> float:
    """Length of sound under one frame of formants."""
    return 2 * FORMANT_WINDOW_S


def pitch(
    sound: Stretch, first: int, last: int, hop: int, *, floor_hz: float, ceiling_hz: float
) -> tuple[Floats, Floats, Pulses]:
    """F0 by autocorrelation, and the glottal pulses that go with it.

    Args:
        sound: samples around the frames.
        first: index of the first frame.
        last: of the last frame, inclusive.
        hop: samples from frame to frame.
        floor_hz: lowest F0 that is looked for; sets the window.
        ceiling_hz: highest.

    Returns:
        F0 in Hz, shape (frames,), NaN where unvoiced; the strength of the strongest periodic candidate, 0 to 1 (0
        where there is none); the pulses.
    """
    import parselmouth

    piece, loudest = _piece(sound, first, last, hop, pitch_window_s(floor_hz))
    frames = last - first + 1
    if loudest == 0:
        none = np.empty(0)
        return np.full(frames, np.nan), np.zeros(frames), Pulses(none, none, none)
    found = piece.to_pitch_ac(
        time_step=hop / RATE_HZ,
        pitch_floor=floor_hz,
        pitch_ceiling=ceiling_hz,
        silence_threshold=SILENCE_F0 * sound.peak / loudest,
    )
    _check_grid(found, first, frames, hop)
    chosen = np.array(found.selected_array["frequency"])
    candidates = found.to_array()
    periodic = (candidates["frequency"] > 0) & (candidates["frequency"] <= ceiling_hz)
    strength = np.where(periodic, candidates["strength"], 0.0).max(axis=0)
    process = parselmouth.praat.call([piece, found], "To PointProcess (cc)")
    return np.where(chosen > 0, chosen, np.nan), np.clip(strength, 0, 1), _pulses(process, piece)


_FEWEST_PULSES = 3
"""An amplitude lies between two neighbours; of fewer pulses Praat makes an error."""


def _pulses(process: Any, piece: Any) -> Pulses:
    from parselmouth.praat import call

    none = np.empty(0)
    if int(call(process, "Get number of points")) == 0:
        return Pulses(none, none, none)
    # A matrix gives all points in one call; asking point by point costs more than finding them.
    times = np.array(call(process, "To Matrix").values[0])
    if len(times) < _FEWEST_PULSES:
        return Pulses(times, none, none)
    tier = call([process, piece], "To AmplitudeTier (period)", 0, 0, *PERIOD_S, PERIOD_FACTOR)
    if int(call(tier, "Get number of points")) == 0:
        return Pulses(times, none, none)
    table = np.array(call(call(tier, "Down to TableOfReal"), "To Matrix").values)
    return Pulses(times, table[:, 0], table[:, 1])


def intensity(sound: Stretch, first: int, last: int, hop: int, *, floor_hz: float) -> Floats:
    """Mean intensity in dB re 2e-5 (full scale as 1 Pa), shape (frames,). NaN where there is nothing but zeros."""
    piece, loudest = _piece(sound, first, last, hop, intensity_window_s(floor_hz), on_samples=True)
    if loudest == 0:
        return np.full(last - first + 1, np.nan)
    found = piece.to_intensity(minimum_pitch=floor_hz, time_step=hop / RATE_HZ)
    _check_grid(found, first, last - first + 1, hop)
    decibel = np.array(found.values[0])
    return np.where(decibel > _NOTHING_DB, decibel, np.nan)


def harmonicity(sound: Stretch, first: int, last: int, hop: int, *, floor_hz: float) -> Floats:
    """Harmonics-to-noise ratio in dB by cross-correlation, shape (frames,). NaN where Praat finds silence."""
    piece, loudest = _piece(sound, first, last, hop, harmonicity_window_s(floor_hz))
    if loudest == 0:
        return np.full(last - first + 1, np.nan)
    found = piece.to_harmonicity_cc(
        time_step=hop / RATE_HZ, minimum_pitch=floor_hz, silence_threshold=SILENCE_HNR * sound.peak / loudest
    )
    _check_grid(found, first, last - first + 1, hop)
    decibel = np.array(found.values[0])
    silent = -200
    return np.where(decibel > silent, decibel, np.nan)


def formants(sound: Stretch, first: int, last: int, hop: int, *, ceiling_hz: float) -> Floats:
    """The first three formants in Hz by Burg's method (five below the ceiling), shape (frames, 3). NaN: not found."""
    from parselmouth.praat import call

    piece, loudest = _piece(sound, first, last, hop, formant_window_s(), rate_hz=2 * ceiling_hz)
    if loudest == 0:
        return np.full((last - first + 1, 3), np.nan)
    found = piece.to_formant_burg(time_step=hop / RATE_HZ, maximum_formant=ceiling_hz, window_length=FORMANT_WINDOW_S)
    _check_grid(found, first, last - first + 1, hop)
    hertz = np.stack([call(found, "To Matrix", number).values[0] for number in (1, 2, 3)], axis=1)
    return np.where(hertz > 0, hertz, np.nan)


def _piece(
    sound: Stretch,
    first: int,
    last: int,
    hop: int,
    window_s: float,
    *,
    on_samples: bool = False,
    rate_hz: float = RATE_HZ,
) -> tuple[Any, float]:
    """A Praat sound that holds just the wanted frames, and its largest distance from its own mean.

    Praat fits floor((length - window) / hop) + 1 frames; half a hop to spare keeps the floor clear of rounding.

    Args:
        sound: samples around the frames.
        first: index of the first frame.
        last: of the last frame, inclusive.
        hop: samples from frame to frame.
        window_s: what Praat needs under a frame.
        on_samples: whether the middle of the piece is on a sample or, as most analyses want it, between two. They look
            for the sample before a frame, intensity for the nearest: the other way, rounding would decide which it is.
        rate_hz: the rate at which the analysis works, if it is a lower one.
    """
    import parselmouth

    length = (last - first) * hop + int(np.ceil(window_s * RATE_HZ)) + hop // 2
    length += (length - on_samples - (first + last) * hop) % 2
    if rate_hz < RATE_HZ and round(length * rate_hz / RATE_HZ) % 2:
        length += 2
    start = ((first + last) * hop - (length - on_samples)) // 2
    samples = np.zeros(length)
    begin, end = max(start, sound.origin), min(start + length, sound.origin + len(sound.samples))
    if end > begin:
        samples[begin - start : end - start] = sound.samples[begin - sound.origin : end - sound.origin]
    loudest = float(np.abs(samples - samples.mean()).max()) if samples.any() else 0.0
    # To Praat a sample has a width, on our clock it is a moment: at most half a sample, 31 microseconds, lies between.
    start_s = (start - on_samples / 2) / RATE_HZ
    return parselmouth.Sound(samples, sampling_frequency=RATE_HZ, start_time=start_s), loudest


def _check_grid(found: Any, first: int, frames: int, hop: int) -> None:
    tolerance_s = 1e-6
    if found.nx != frames or abs(found.x1 - first * hop / RATE_HZ) > tolerance_s:
        raise RuntimeError(f"Praat laid {found.nx} frames from {found.x1} s, wanted {frames} from frame {first}")
