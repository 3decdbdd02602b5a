"""Whether two recordings are copies, judged by the marks of their sound and the hashes of their pictures."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.duplicates import Duplicates, Likeness
from schemas.likeness import PictureHashes, SoundMarks

STRETCHES: Final = np.array(
    sorted(np.arange(0.94, 1.0601, 0.005).round(3), key=lambda stretch: (abs(stretch - 1), stretch))
)
"""Seconds of a copy for each of the other; nearer to 1 goes before."""
ENOUGH_MARKS: Final = 20
"""A sound with fewer tells nothing."""
_LEAST_HITS: Final = 5
_APART_S: Final = 0.15
"""Marks in common lie on one line, within so much."""
_LONG_ENOUGH_S: Final = 1.0
_A_KEY: Final = 20
"""A mark is compared with so many of the same key."""
_PARTS: Final = 10
_HITS_A_PART: Final = 4
_BITS: Final = 64
_BESIDE_S: Final = 0.51
"""A picture is compared with the nearest one in this much time."""
_COMBINATIONS: Final = ((0, 0), (0, 1), (0, 2), (1, 0), (2, 0))
"""Whole with whole, or whole with the other's middle: one of two was cropped."""
_ONES: Final = np.array([byte.bit_count() for byte in range(256)], np.uint8)


@dataclass(frozen=True)
class Looks:
    """What is known of one recording. length_s: 0 for a picture. sound, pictures: None where there are none."""

    id: str
    sha256: str
    text: str | None = None
    length_s: float = 0.0
    pixels: int = 0
    bytes: int = 0
    sound: SoundMarks | None = None
    pictures: PictureHashes | None = None

    @property
    def sounds(self) -> bool:
        """Whether its sound can tell."""
        return self.sound is not None and len(self.sound.keys) >= ENOUGH_MARKS


@dataclass(frozen=True)
class Fit:
    """Time t of one is shift_s + stretch x t of the other.

    hits: marks in common; covered: how much of what is common to both, by their lengths, is alike.
    """

    hits: int
    score: float
    stretch: float
    shift_s: float
    covered: float


def compare(one: Looks, other: Looks, how: Duplicates) -> Likeness | None:
    """How two recordings are alike; None where they are not.

    Where both have sound that tells, it decides, and pictures, if both have some, must not speak against it: the same
    music under other pictures is no copy. Else the pictures decide alone, by a stricter measure; where they hardly
    change (one take of a speaker looks like the next), they tell no copy, but that the two are related.
    """
    if one.sha256 == other.sha256:
        return Likeness(one=one.id, other=other.id, kind="exact" if _same_text(one, other) else "related")
    if how.find != "near":
        return None
    likely = _by_sound if one.sounds and other.sounds else _by_pictures
    return likely(one, other, how)


def _by_sound(one: Looks, other: Looks, how: Duplicates) -> Likeness | None:
    fit = fit_sound(one.sound, other.sound) if one.sound is not None and other.sound is not None else None
    if fit is None or fit.score < how.sound:
        return None
    apart = apart_at(one.pictures, other.pictures, fit.stretch, fit.shift_s)
    if apart is not None and apart > how.picture:
        return None
    return _judged(one, other, how, fit, sound=fit.score, picture=apart)


def _by_pictures(one: Looks, other: Looks, how: Duplicates) -> Likeness | None:
    if one.pictures is None or other.pictures is None:
        return None
    fit = fit_pictures(one.pictures, other.pictures, how.silent)
    apart = apart_at(one.pictures, other.pictures, fit.stretch, fit.shift_s) if fit is not None else None
    if fit is None or apart is None or apart > how.silent:
        return None
    found = _judged(one, other, how, fit, sound=None, picture=apart)
    moves = min(movement(one.pictures), movement(other.pictures))
    if found is not None and one.length_s and other.length_s and apart > moves / 2:
        return found.model_copy(update={"kind": "related"})
    return found


def movement(pictures: PictureHashes) -> float:
    """How much the pictures of a recording change: mean share of bits in which any two of them differ."""
    count = len(pictures.times)
    some = pictures.hashes[np.unique(np.linspace(0, count - 1, min(count, 16)).round().astype(np.int64)), 0]
    pairs = len(some) * (len(some) - 1)
    return float(differing(some[:, None], some[None, :]).sum() / _BITS / pairs) if pairs else 0.0


def _same_text(one: Looks, other: Looks) -> bool:
    return one.text is None or other.text is None or one.text == other.text


def _judged(
    one: Looks, other: Looks, how: Duplicates, fit: Fit, *, sound: float | None, picture: float | None
) -> Likeness | None:
    of_longer, of_shorter = overlaps(one.length_s, other.length_s, fit)
    if of_longer >= how.overlap and _same_text(one, other):
        kind = "near"
    elif of_shorter >= how.overlap:
        kind = "related"
    else:
        return None
    return Likeness.model_validate(
        {
            "one": one.id,
            "other": other.id,
            "kind": kind,
            "sound": None if sound is None else round(sound, 4),
            "picture": None if picture is None else round(picture, 4),
            "speed": round(1 / fit.stretch, 3),
            "shift_s": round(fit.shift_s, 2),
            "overlap": round(of_longer, 4),
        }
    )


def overlaps(one_s: float, other_s: float, fit: Fit) -> tuple[float, float]:
    """Shares of the longer and of the shorter recording that both have; what was not looked at goes on as it was."""
    if not one_s or not other_s:
        return (fit.covered, fit.covered) if one_s == other_s else (0.0, fit.covered)
    lasts = one_s * fit.stretch
    common = max(0.0, min(other_s, fit.shift_s + lasts) - max(0.0, fit.shift_s)) * fit.covered
    return min(1.0, common / max(lasts, other_s)), min(1.0, common / min(lasts, other_s))


def fit_sound(one: SoundMarks, other: SoundMarks) -> Fit | None:
    """The stretch and shift at which most marks agree; None where fewer than five do.

    score: marks that agree, of those that the one with fewer has in the common stretch; in [0, 1].
    """
    x, y = shared(one, other)
    best: tuple[int, float, float] = (0, 1.0, 0.0)
    for stretch in STRETCHES:
        shifts = np.sort(y - stretch * x)
        within = np.searchsorted(shifts, shifts + _APART_S, side="right") - np.arange(len(shifts))
        if len(shifts) and within.max() > best[0]:
            at = int(within.argmax())
            best = int(within[at]), float(stretch), float(np.median(shifts[at : at + within[at]]))
    hits, stretch, shift = best
    if hits < _LEAST_HITS:
        return None
    near = np.abs(y - stretch * x - shift) <= _APART_S
    if np.ptp(x[near]) > _LONG_ENOUGH_S:  # by least squares, finer than the steps that were tried
        stretch, shift = (float(each) for each in np.polyfit(x[near], y[near], 1))
        near = np.abs(y - stretch * x - shift) <= _APART_S
    agree = x[near]
    hits = min(hits, len(np.unique(agree)))
    start = max(0.0, -shift / stretch)
    end = min(one.listened_s, (other.listened_s - shift) / stretch)
    mine = one.times[(one.times >= start) & (one.times <= end)]
    theirs = (other.times >= shift + stretch * start) & (other.times <= shift + stretch * end)
    if hits < _LEAST_HITS or end <= start:
        return None
    score = min(1.0, hits / max(1, min(len(mine), int(theirs.sum()))))
    return Fit(hits, score, stretch, shift, _covered(mine, agree, start, end))


def shared(one: SoundMarks, other: SoundMarks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in one and in the other of the pairs of marks with the same key."""
    order = np.argsort(other.keys, kind="stable")
    keys, times = other.keys[order], other.times[order]
    low = np.searchsorted(keys, one.keys)
    many = np.minimum(np.searchsorted(keys, one.keys, side="right") - low, _A_KEY)
    mine = np.repeat(np.arange(len(one.keys)), many)
    within = np.arange(len(mine)) - np.repeat(np.cumsum(many) - many, many)
    theirs = np.repeat(low, many) + within
    return one.times[mine].astype(np.float64), times[theirs].astype(np.float64)


def _covered(marks: NDArray[np.float32], agree: NDArray[np.float64], start: float, end: float) -> float:
    """Share of the stretches in which one has marks that have marks in common too."""
    stretches = int(np.clip(len(agree) // _HITS_A_PART, 1, _PARTS))
    edges = np.linspace(start, end, stretches + 1)
    has = np.histogram(marks, edges)[0] > 0
    common = np.histogram(agree, edges)[0] > 0
    return float((has & common).sum() / max(1, has.sum()))


def apart_at(one: PictureHashes | None, other: PictureHashes | None, stretch: float, shift_s: float) -> float | None:
    """Mean share of bits in which pictures differ that are shown at the same time; None where there are none."""
    if one is None or other is None:
        return None
    distances = _distances(one, other, stretch, shift_s)
    return None if distances is None else float(distances.mean(axis=0).min())


def _distances(one: PictureHashes, other: PictureHashes, stretch: float, shift_s: float) -> NDArray[np.float64] | None:
    """Share of differing bits, float64[pictures, combinations]."""
    if not len(one.times) or not len(other.times):
        return None
    wanted = one.times.astype(np.float64) * stretch + shift_s
    after = np.clip(np.searchsorted(other.times, wanted), 1, max(1, len(other.times) - 1))
    after = np.minimum(after, len(other.times) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(wanted - other.times[before] <= other.times[after] - wanted, before, after)
    beside = np.abs(other.times[nearest] - wanted) <= _BESIDE_S
    if not beside.any():
        return None
    mine, theirs = one.hashes[beside], other.hashes[nearest[beside]]
    return np.stack([differing(mine[:, a], theirs[:, b]) for a, b in _COMBINATIONS], axis=1) / _BITS


def differing(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many of 64 bits differ, elementwise."""
    apart = np.ascontiguousarray(one ^ other)
    return np.asarray(_ONES[apart.view(np.uint8).reshape(*apart.shape, 8)].sum(axis=-1, dtype=np.int64))


def fit_pictures(one: PictureHashes, other: PictureHashes, most: float) -> Fit | None:
    """The stretch and shift at which most pictures look alike; of equals, the least."""
    best: tuple[float, float, float, float, Fit] | None = None
    for stretch in (1.0,) if not one.looked_s or not other.looked_s else STRETCHES[::4]:
        for shift in _shifts(one, other, float(stretch)):
            distances = _distances(one, other, float(stretch), shift)
            if distances is None:
                continue
            column = distances[:, distances.mean(axis=0).argmin()]
            alike = int((column <= most).sum())
            rank = (-alike, float(column.mean()), abs(shift), abs(float(stretch) - 1))
            if alike and (best is None or rank < best[:4]):
                best = (*rank, Fit(alike, 1.0, float(stretch), shift, alike / len(column)))
    return None if best is None else best[4]


def _shifts(one: PictureHashes, other: PictureHashes, stretch: float) -> list[float]:
    """Those that bring some picture of one together with the most alike one of the other."""
    if not one.looked_s or not other.looked_s or not len(one.times) or not len(other.times):
        return [0.0]
    some = np.unique(np.linspace(0, len(one.times) - 1, 8).round().astype(np.int64))
    apart = differing(one.hashes[some, :1], other.hashes[None, :, 0])
    found = other.times[apart.argmin(axis=1)] - stretch * one.times[some]
    return sorted({0.0, *(round(float(shift) * 2) / 2 for shift in found)})
