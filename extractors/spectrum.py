"""Spectral measures of short frames, all from one Fourier transform.

The definitions are librosa's (McFee et al. 2015, SciPy; version 0.11), to which the results are equal within float32.
They are written out in NumPy because importing librosa costs a second of every new process, and its compiled parts
ten more the first time.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from extractors.sound import RATE_HZ

Floats = NDArray[np.float32]

MFCC = 13
DELTA_WIDTH = 9
"""Frames over which a delta is the slope of a straight line."""
ROLLOFF_SHARE = 0.85

SPECTRAL_COLUMNS = (
    "spectral_centroid_hz",
    "spectral_flux",
    "spectral_rolloff_hz",
    *(f"mfcc_{number:02d}" for number in range(1, MFCC + 1)),
)
DELTA_COLUMNS = tuple(f"mfcc_{number:02d}_delta" for number in range(1, MFCC + 1))

_FRAMES_AT_A_TIME = 1024
_LEAST_POWER = 1e-10
"""librosa's floor of mel power: -100 dB."""


def spectral(
    samples: Floats, origin: int, first: int, last: int, hop: int, *, window: int, mel_bands: int
) -> NDArray[np.float32]:
    """Centroid, flux, roll-off and MFCC 1 to 13 of frames centred on samples k * hop.

    Args:
        samples: float32[n], in [-1, 1]; taken as zero outside.
        origin: clock index of the first sample.
        first: index of the first frame.
        last: of the last frame, inclusive.
        hop: samples from frame to frame.
        window: samples under a frame, even: a periodic Hann window, as long as the transform.
        mel_bands: triangular bands of Slaney's mel scale up to half the rate, each of area one.

    Returns:
        shape (frames, 16) in the order of SPECTRAL_COLUMNS; NaN in a frame of zeros. Centroid and roll-off in Hz:
        the mean frequency weighted by magnitude, and that below which 85 % of the magnitude lies. Flux: squared
        distance from the frame before, both magnitude spectra of length one, 0 to 2 (Tzanetakis & Cook 2002, IEEE
        Trans. Speech and Audio Processing 10(5)); NaN after a frame of zeros and in the recording's first frame.
        MFCC: orthonormal DCT-II of mel power in dB, without a `top_db` limit, which would let the loudest moment of
        a recording change its quiet ones; the first one is the level.
    """
    frequencies = np.linspace(0, RATE_HZ / 2, window // 2 + 1, dtype=np.float32)
    bank, cosines = _mel_filters(window, mel_bands).T, _cosines(mel_bands).T
    parts = []
    before = None
    for magnitude in _magnitudes(samples, origin, first - 1, last, hop, window=window):
        total = magnitude.sum(axis=1, keepdims=True)
        length = np.linalg.norm(magnitude, axis=1, keepdims=True)
        sounding = total[:, 0] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            centroid = (magnitude / total) @ frequencies
            unit = magnitude / length
        unit_before = np.concatenate([np.full_like(unit[:1], np.nan) if before is None else before, unit[:-1]])
        before = unit[-1:]
        flux = np.square(unit - unit_before).sum(axis=1)
        reached = np.cumsum(magnitude, axis=1) >= np.float32(ROLLOFF_SHARE) * total
        rolloff = frequencies[np.argmax(reached, axis=1)]
        power = np.maximum(np.square(magnitude) @ bank, _LEAST_POWER)
        mfcc = (10 * np.log10(power)) @ cosines
        values = np.column_stack([centroid, flux, rolloff, mfcc]).astype(np.float32)
        values[~sounding] = np.nan
        parts.append(values)
    return np.concatenate(parts)[1:]


def deltas(values: Floats) -> Floats:
    """Slope a frame of a straight line through nine frames (Savitzky-Golay, as librosa's `delta`), shape kept.

    The first and last four frames take the slope of the nearest nine. NaN where any of the nine is.
    """
    half = DELTA_WIDTH // 2
    if len(values) < DELTA_WIDTH:
        return np.full_like(values, np.nan)
    steps = np.arange(-half, half + 1, dtype=np.float64)
    weights = steps / np.square(steps).sum()
    slopes = np.empty_like(values)
    for column in range(values.shape[1]):  # one by one: a float64 of all of them would outweigh the track itself
        slope = np.correlate(values[:, column].astype(np.float64), weights, "valid")
        slopes[:, column] = np.pad(slope, half, mode="edge")
    return slopes


def _magnitudes(
    samples: Floats, origin: int, first: int, last: int, hop: int, *, window: int
) -> Iterator[NDArray[np.float32]]:
    """Magnitude spectra of the frames, so many at a time that they stay in the cache."""
    # The periodic Hann window, as for spectral analysis.
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    for begin in range(first, last + 1, _FRAMES_AT_A_TIME):
        end = min(begin + _FRAMES_AT_A_TIME, last + 1)
        start = begin * hop - window // 2
        piece = np.zeros((end - begin - 1) * hop + window, np.float32)
        low, high = max(start, origin), min(start + len(piece), origin + len(samples))
        if high > low:
            piece[low - start : high - start] = samples[low - origin : high - origin]
        frames = np.lib.stride_tricks.sliding_window_view(piece, window)[::hop]
        yield np.abs(np.fft.rfft(frames * hann, axis=1)).astype(np.float32)


@lru_cache(maxsize=8)
def _mel_filters(window: int, bands: int) -> NDArray[np.float32]:
    """Slaney's auditory filters (Slaney 1998, Auditory Toolbox): shape (bands, window / 2 + 1), each of area one.

    His scale is linear to 1 kHz (200 / 3 Hz a step) and logarithmic above (27 steps to 6.4 times).
    """
    step_hz, corner_hz, log_step = 200 / 3, 1000.0, np.log(6.4) / 27
    corner = corner_hz / step_hz
    highest = corner + np.log(RATE_HZ / 2 / corner_hz) / log_step
    mels = np.linspace(0, highest, bands + 2)
    edges = np.where(mels < corner, mels * step_hz, corner_hz * np.exp(log_step * (mels - corner)))
    frequencies = np.linspace(0, RATE_HZ / 2, window // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    area = 2 / (high - low)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * area, np.float32)


@lru_cache(maxsize=8)
def _cosines(bands: int) -> NDArray[np.float32]:
    """The first 13 rows of the orthonormal DCT-II, shape (13, bands)."""
    row, column = np.arange(MFCC)[:, None], np.arange(bands)[None, :]
    table = np.sqrt(2 / bands) * np.cos(np.pi * row * (2 * column + 1) / (2 * bands))
    table[0] /= np.sqrt(2)
    return np.asarray(table, np.float32)
