"""Words and measurements of samples against their clips, for a batch of rows at a time."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.samples import Flags, Floats, TrackFacts, WordFacts

if TYPE_CHECKING:
    import pyarrow as pa

TOLERANCE_S = 0.05
"""Times of words are known to some hundredths of a second."""


def bounds(lists: "pa.Array") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[n] row of each value, int64[n] values in each row. lists: of any values, null for none."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.repeat(np.arange(len(lists)), lengths), lengths


def word_facts(words: "pa.Array", start: Floats, end: Floats) -> WordFacts:
    """Words against clips. words: lists of structs with `start` and `end` in seconds on the clips' clock."""
    rows, _ = bounds(words)
    inner = words.flatten()
    begins, ends = (_numbers(inner.field(name)) for name in ("start", "end"))
    early, late = np.zeros(len(words)), np.zeros(len(words))
    np.fmax.at(early, rows, start[rows] - begins)
    np.fmax.at(late, rows, ends - end[rows])
    out = (ends <= start[rows] - TOLERANCE_S) | (begins >= end[rows] + TOLERANCE_S)
    outside = np.bincount(rows, weights=out, minlength=len(words)).astype(np.int64)
    backwards = np.bincount(rows, weights=ends < begins, minlength=len(words)).astype(np.int64)
    return WordFacts(early, late, outside, backwards)


def is_words(kind: "pa.DataType") -> bool:
    """Whether it is a list of structs with `start` and `end`."""
    import pyarrow.types as kinds

    if not (kinds.is_list(kind) or kinds.is_large_list(kind)) or not kinds.is_struct(kind.value_type):
        return False
    return {"start", "end"} <= {kind.value_type.field(place).name for place in range(kind.value_type.num_fields)}


def is_track(kind: "pa.DataType") -> bool:
    """Whether it is a struct with a list of `times` and lists beside it."""
    import pyarrow.types as kinds

    if not kinds.is_struct(kind):
        return False
    fields = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
    return "times" in fields and all(kinds.is_list(one) or kinds.is_large_list(one) for one in fields.values())


def track_facts(track: "pa.Array", start: Floats, end: Floats) -> TrackFacts:
    """A measurement's lists against its times, and its times against the clip; a list that is null is not there."""
    fields = {track.type.field(place).name: field for place, field in enumerate(track.flatten())}
    times = fields.pop("times")
    rows, lengths = bounds(times)
    uneven = np.zeros(len(track), np.bool_)
    for field in fields.values():
        uneven |= _differs(field, lengths)
    moments = _numbers(times.flatten())
    same = rows[1:] == rows[:-1]
    backwards = np.zeros(len(track), np.bool_)
    backwards[rows[1:][same & (np.diff(moments) < 0)]] = True
    out = np.where(np.isnan(start) | np.isnan(end) | (lengths == 0), np.nan, 0.0)
    # Less than once a second, a picture that still stands in a clip was taken that much longer before it.
    steps = np.diff(moments)[same]
    slow = max(float(np.median(steps)) - 1.0, 0.0) if len(steps) else 0.0
    np.fmax.at(out, rows, np.fmax(start[rows] - moments - slow, moments - end[rows]))
    return TrackFacts(uneven, backwards, out)


def aligned_uneven(aligned: "pa.Array") -> Flags:
    """bool[n]: where lists that stand for the same words or cells (`aligned["start"]`) have other lengths."""
    import pyarrow.types as kinds

    fields = {aligned.type.field(place).name: field for place, field in enumerate(aligned.flatten())}
    uneven = np.zeros(len(aligned), np.bool_)
    if "start" not in fields or not kinds.is_list(fields["start"].type):
        return uneven
    _, lengths = bounds(fields.pop("start"))
    for field in fields.values():
        for inner in field.flatten() if kinds.is_struct(field.type) else [field]:
            if kinds.is_list(inner.type):
                uneven |= _differs(inner, lengths)
    return uneven


def _differs(lists: "pa.Array", lengths: NDArray[np.int64]) -> Flags:
    import pyarrow.compute as pc

    own = pc.fill_null(pc.list_value_length(lists), -1).to_numpy(zero_copy_only=False)
    return np.asarray((own >= 0) & (own != lengths), np.bool_)


def _numbers(array: Any) -> Floats:
    import pyarrow as pa

    return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
