"""Sound and video that are longer or shorter than the clip whose times stand beside them, or than each other.

And video whose sound begins apart from its pictures.
"""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Floats, Samples
from schemas.audit import Finding

_NAME = "media-length"
_APART_S = 0.1
"""Between what is noticed of sound that comes before its picture (0.045 s) and after it (0.125 s): ITU-R BT.1359."""
_LESS = {"longer": "shorter", "later": "earlier"}
TOLERANCE_S = {"audio": 0.1, "video": 0.25}
"""Sound is cut to the sample. A video ends with a frame, and its sound in packets of some hundredths of a second."""


def _find(samples: Samples) -> Iterator[Finding]:
    if samples.start is not None and samples.end is not None:
        for medium, allowed in TOLERANCE_S.items():
            if medium in samples.media:
                off = samples.media[medium].seconds - (samples.end - samples.start)
                yield from _told(samples, f"{medium} is not as long as its clip", off, allowed, "than the clip")
    if "video" in samples.media:
        off = samples.media["video"].sound_late_s
        yield from _told(
            samples, "sound and pictures of a video begin apart", off, _APART_S, "than the pictures", more="later"
        )
    if {"audio", "video"} <= set(samples.media):
        off = samples.media["audio"].seconds - samples.media["video"].seconds
        yield from _told(samples, "audio is not as long as the video", off, TOLERANCE_S["video"], "than the video")


def _told(
    samples: Samples, what: str, off: Floats, allowed: float, than: str, *, more: str = "longer"
) -> Iterator[Finding]:
    wrong = np.flatnonzero(np.abs(off) > allowed)
    if len(wrong):
        worst = wrong[np.argsort(-np.abs(off[wrong]), kind="stable")]
        yield finding(
            _NAME,
            "warning",
            f"{what}, by more than {allowed} s",
            count=len(wrong),
            of=int((~np.isnan(off)).sum()),
            examples=[
                f"{samples.id(one)}: {abs(off[one]):.3f} s {more if off[one] > 0 else _LESS[more]} {than}"
                for one in worst[:5].tolist()
            ],
            do="cut the clips again, or correct the times",
        )


CHECK = Check(_NAME, _find, needs=("media",))
