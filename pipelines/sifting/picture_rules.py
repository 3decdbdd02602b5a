"""What can be said of a sample by its pictures, and by how they go with sound and text. NaN: it cannot be judged."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipelines.sifting.known import Known, Numbers
from schemas.clock import to_us_array
from schemas.faces import Faces
from schemas.track import Track

_LAGS_S: Final = (-0.2, -0.1, 0.0, 0.1, 0.2)
_LEAST_FRAMES: Final = 10
_QUIET_DB: Final = 40.0


def face(known: Known) -> Numbers:
    """Share of the looked-at frames in which a face is seen, in [0, 1]."""
    if known.faces is None:
        return known.nothing
    seen = np.zeros(len(known.faces.frame_times))
    seen[known.faces.frame] = 1.0
    return _in_frames(known, known.faces, seen, np.mean)


def face_size(known: Known) -> Numbers:
    """Height of the largest face, as a share of the picture's height: the median over frames that show one."""
    if known.faces is None or "box_height" not in known.faces.columns:
        return known.nothing
    faces = known.faces
    tall = np.full(len(faces.frame_times), -np.inf)
    heights = faces.values[:, faces.columns.index("box_height")].astype(np.float64)
    np.maximum.at(tall, faces.frame, np.nan_to_num(heights, nan=-np.inf))
    return _in_frames(known, faces, np.where(np.isinf(tall), np.nan, tall), np.median)


def _in_frames(known: Known, faces: Faces, values: Numbers, how: Callable[[Numbers], Any]) -> Numbers:
    """Of the frames whose time lies in each sample; of all, for a sample without a clock."""
    at = to_us_array(faces.frame_times)
    found = known.nothing
    for place, (start, end) in enumerate(known.spans.tolist()):
        inside = values[(at >= start) & (at < end)] if end > start else values
        inside = inside[~np.isnan(inside)]
        if len(inside):
            found[place] = float(how(inside))
    return found


def movement(known: Known) -> Numbers:
    """How much the picture changes: mean of 1 - cosine between one picture's vector and the next one's; 0 is still."""
    if known.pictures is None:
        return known.nothing
    track = known.pictures
    vectors = _unit(track.values)
    step = np.full(len(track), np.nan)
    if len(track) > 1:
        step[1:] = 1.0 - (vectors[1:] * vectors[:-1]).sum(axis=1)
    # From a picture before the sample to the first one in it nothing of the sample is seen to change.
    at = to_us_array(track.times)
    found = known.nothing
    for place, (start, end) in enumerate(known.spans.tolist()):
        inside = np.flatnonzero((at >= start) & (at < end))[1:]
        if len(inside) and not np.isnan(step[inside]).all():
            found[place] = max(0.0, float(np.nanmean(step[inside])))
    return found


def mouth(known: Known) -> Numbers:
    """Share of the speech for which a mouth moves in the picture, in [0, 1]; low under a voice-over."""
    if known.speaking is None:
        return known.nothing
    speaking = known.speaking
    seen = np.bincount(speaking.frame, np.nan_to_num(speaking.score.astype(np.float64)), minlength=len(speaking.times))
    found = known.nothing
    for place, (start, end) in enumerate(known.spans.tolist()):
        shown = np.minimum(speaking.spans[:, 1], end) - np.maximum(speaking.spans[:, 0], start)
        shown = np.maximum(shown, 0)
        heard = float((shown * speaking.voice).sum())
        if heard > 0:
            found[place] = min(1.0, float((shown * seen).sum()) / heard)
    return found


def lip_sync(known: Known) -> Numbers:
    """How far the mouth opens as the voice swells: their correlation in [-1, 1], the best of shifts up to 0.2 s.

    Of the face that is seen most in the sample; level of the sound around each frame in dB, from 40 dB under the
    loudest on. Low where a voice was dubbed over moving lips. A second of speech or two says little.
    """
    if known.faces is None or known.prosody is None or "mouth_open" not in known.faces.columns:
        return known.nothing
    faces = known.faces
    opening = faces.values[:, faces.columns.index("mouth_open")].astype(np.float64)
    when = faces.frame_times[faces.frame]
    at = to_us_array(when)
    found = known.nothing
    for place, (start, end) in enumerate(known.spans.tolist()):
        inside = (at >= start) & (at < end) & ~np.isnan(opening)
        if inside.any():
            mine = inside & (faces.face == np.bincount(faces.face[inside]).argmax())
            found[place] = _best_correlation(when[mine], opening[mine], known.prosody)
    return found


def _best_correlation(times: Numbers, opening: Numbers, prosody: Track) -> float:
    if len(times) < _LEAST_FRAMES:
        return float("nan")
    level = prosody.column("intensity_db").astype(np.float64)
    if np.isnan(level).all():
        return float("nan")
    swell = np.maximum(np.nan_to_num(level, nan=-np.inf), np.nanmax(level) - _QUIET_DB)
    sums = np.concatenate([[0.0], np.cumsum(swell)])
    best = float("nan")
    for lag in _LAGS_S:
        low = np.searchsorted(prosody.times, times + lag - 0.05)
        high = np.searchsorted(prosody.times, times + lag + 0.05)
        has = high > low
        if has.sum() >= _LEAST_FRAMES:
            around = (sums[high] - sums[low])[has] / (high - low)[has]
            if np.ptp(around) > 0 and np.ptp(opening[has]) > 0:
                best = float(np.fmax(best, np.corrcoef(around, opening[has])[0, 1]))
    return best


def image_text(known: Known) -> Numbers:
    """Cosine between the text's vector and the mean of the pictures' in the sample: CLIP's score (Radford et al. 2021).

    With ViT-B/32 texts that fit have about 0.25 to 0.35, others 0.1 to 0.2.
    """
    if known.pictures is None or known.texts is None:
        return known.nothing
    pictures, texts = _unit(known.pictures.values), _unit(known.texts.values)
    at = to_us_array(known.pictures.times)
    found = known.nothing
    for place, (start, end) in enumerate(known.spans.tolist()):
        inside = pictures[(at >= start) & (at < end)] if end > start else pictures
        inside = inside[~np.isnan(inside).any(axis=1)]
        if len(inside) and place < len(texts) and not np.isnan(texts[place]).any():
            mean = inside.mean(axis=0)
            found[place] = float(mean @ texts[place] / max(float(np.linalg.norm(mean)), 1e-12))
    return found


def _unit(vectors: NDArray[np.float32]) -> Numbers:
    values = vectors.astype(np.float64)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12))
