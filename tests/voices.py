"""Sounds whose pitch, perturbation and formants are known because they were made so."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

RATE_HZ = 16_000
Sound = NDArray[np.float32]


def reader(sound: Sound) -> Callable[[int, int], Sound]:
    """Samples by index."""
    return lambda first, stop: sound[max(first, 0) : max(stop, 0)]


def glide(from_hz: float, hz_per_s: float, seconds: float, harmonics: int = 10) -> Sound:
    """Harmonics of F0(t) = from_hz + hz_per_s * t."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (from_hz * t + hz_per_s * t**2 / 2)
    sound = sum(np.sin(number * phase) / number for number in range(1, harmonics + 1))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def pulses(times_s: Sequence[float], heights: Sequence[float], seconds: float) -> NDArray[np.float64]:
    """Band-limited impulses between samples: height * sinc."""
    at = np.arange(round(seconds * RATE_HZ), dtype=np.float64)
    sound = np.zeros(len(at))
    for time, height in zip(times_s, heights, strict=True):
        centre = round(time * RATE_HZ)
        low, high = max(centre - 40, 0), min(centre + 41, len(at))
        away = at[low:high] - time * RATE_HZ
        sound[low:high] += height * np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * np.clip(away / 41, -1, 1)))
    return sound


def resonate(source: NDArray[np.float64], formants: Sequence[tuple[float, float]]) -> Sound:
    """A vowel: the source through resonators (frequency, bandwidth) in Hz, one after another."""
    sound = source
    for hertz, width in formants:
        radius = np.exp(-np.pi * width / RATE_HZ)
        angle = 2 * np.pi * hertz / RATE_HZ
        sound = lfilter(
            [1 - 2 * radius * np.cos(angle) + radius**2], [1, -2 * radius * np.cos(angle), radius**2], sound
        )
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


VOWEL = ((500.0, 60.0), (1500.0, 90.0), (2500.0, 120.0), (3500.0, 150.0), (4500.0, 200.0))


def talk(seconds: float, seed: int) -> Sound:
    """Something like speech: voiced stretches of moving pitch and loudness with noise and near-silence between."""
    rng = np.random.default_rng(seed)
    times, heights = [], []
    now = 0.2
    while now < seconds - 0.6:
        end = now + rng.uniform(0.15, 0.7)
        f0, level = rng.uniform(90, 260), rng.uniform(0.3, 1)
        while now < min(end, seconds - 0.2):
            times.append(now)
            heights.append(level * rng.uniform(0.95, 1.05))
            f0 *= rng.uniform(0.985, 1.015)
            now += 1 / f0
        now += rng.uniform(0.05, 0.5)
    sound = resonate(pulses(times, heights, seconds), VOWEL).astype(np.float64)
    return (sound + rng.normal(0, 0.002, len(sound))).astype(np.float32)
