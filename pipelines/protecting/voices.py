"""Voices changed so that ears and programs know them less well, while words, times and melody stay.

Formants and pitch are shifted by Praat's "Change gender": the formants by resampling, the pitch by overlap-add
(Boersma & Weenink, Praat; PSOLA after Moulines & Charpentier 1990). The length stays, sample for sample.
"""

import hashlib
import hmac
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import MissingPart

if TYPE_CHECKING:
    import soundfile

Samples = NDArray[np.float64]

FLOOR_HZ, CEILING_HZ = 75, 600
_AROUND_S = 0.5
"""So much sound on either side is looked at too, so that a clip's edges are like its middle."""
_PIECE_S = 60
_JOIN_S = 0.02
_LOW = ((0.76, 0.82), (0.65, 0.75))
_HIGH = ((1.24, 1.32), (1.35, 1.5))
"""Factors of formants and pitch. Nearer to 1 a speaker is found again, farther off words are not understood."""
_SEED = "random_initializeWithSeedUnsafelyButPredictably: 1"
"""Praat fills unvoiced stretches from random places; so it does it the same way each time."""


class Shift(NamedTuple):
    """What formants and pitch are multiplied with."""

    formants: float
    pitch: float


def check() -> None:
    """Raises MissingPart where voices cannot be changed."""
    try:
        import parselmouth  # noqa: F401
    except ImportError as error:
        raise MissingPart(
            "changing voices needs parselmouth, which is not installed", do="pip install 'affectloom[prosody]'"
        ) from error


def shift_of(who: str, secret: str) -> Shift:
    """A speaker's own shift, the same in all recordings; who does not know the secret cannot tell it.

    who: a speaker, or a recording where none is known.
    """
    drawn = hmac.digest(secret.encode(), b"voice\0" + who.encode(), hashlib.sha256)
    formants, pitch = _HIGH if drawn[0] & 1 else _LOW
    return Shift(_between(formants, drawn[1:5]), _between(pitch, drawn[5:9]))


def _between(limits: tuple[float, float], drawn: bytes) -> float:
    low, high = limits
    share = int.from_bytes(drawn) / float(1 << (8 * len(drawn)))
    return low + (high - low) * share


def changed(sound: "soundfile.SoundFile", first: int, last: int, shift: Shift) -> Samples:
    """The samples `[first, last)` of an open mono file with another voice, float64[last - first] in [-1, 1].

    Long stretches are changed in pieces, so that memory does not grow with them.
    """
    rate_hz = sound.samplerate
    around, join, piece = (round(seconds * rate_hz) for seconds in (_AROUND_S, _JOIN_S, _PIECE_S))
    found = np.zeros(last - first)
    for begin, end in _pieces(first, last, piece):
        low, high = max(0, begin - around), min(sound.frames, end + around)
        sound.seek(low)
        heard = sound.read(high - low, dtype="float64")
        padded = np.pad(heard, (around, around))
        said = change(padded, rate_hz, shift)[around : around + len(heard)]
        # A piece fades in over its first 20 ms while the one before it, which goes on so long, fades out.
        here, until = begin - low, min(end + (join if end < last else 0), sound.frames) - low
        part = said[here:until].copy()
        if begin > first:
            part[:join] *= np.linspace(0, 1, join)
        if end < last:
            part[-join:] *= np.linspace(1, 0, join)
        found[begin - first : begin - first + len(part)] += part[: last - begin]
    return np.clip(found, -1, 1)


def _pieces(first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Stretches of about that length, none of them short."""
    count = max(1, (last - first) // length)
    edges = [first + (last - first) * at // count for at in range(count + 1)]
    yield from pairwise(edges)


def change(samples: Samples, rate_hz: int, shift: Shift) -> Samples:
    """As many samples with other formants and another pitch, whose rises and falls stay, as factors.

    samples: float64[n] in [-1, 1], at least a second. Digital silence stays.
    """
    import parselmouth

    if not samples.any():
        return samples
    sound = parselmouth.Sound(samples, sampling_frequency=rate_hz)
    pitch = sound.to_pitch_ac(pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ).selected_array["frequency"]
    voiced = pitch[pitch > 0]
    median = float(np.median(voiced)) * shift.pitch if len(voiced) else 0.0  # 0: no other pitch
    parselmouth.praat.run(_SEED)
    made = parselmouth.praat.call(sound, "Change gender", FLOOR_HZ, CEILING_HZ, shift.formants, median, 1, 1)
    return np.array(made.values[0])
