"""Measurements whose lists do not fit together, or do not fit their clip."""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "track-lengths"
_BEYOND_S = 1.0
"""A picture taken once a second may begin so long before the clip that it still stands in."""


def _find(samples: Samples) -> Iterator[Finding]:
    for track, facts in samples.tracks.items():
        uneven, backwards = np.flatnonzero(facts.uneven), np.flatnonzero(facts.backwards)
        beyond = np.flatnonzero(np.nan_to_num(facts.out_s) > _BEYOND_S)
        if len(uneven):
            yield finding(
                _NAME,
                "error",
                f"lists of {track} are not all of the length of its times",
                count=len(uneven),
                of=samples.rows,
                examples=[samples.id(one) for one in uneven[:5]],
                do="measure these samples again; which value belongs to which time is lost",
            )
        if len(backwards):
            yield finding(
                _NAME,
                "error",
                f"times of {track} run backwards",
                count=len(backwards),
                of=samples.rows,
                examples=[samples.id(one) for one in backwards[:5]],
                do="sort by time, or measure again",
            )
        if len(beyond):
            worst = beyond[np.argsort(-facts.out_s[beyond], kind="stable")]
            yield finding(
                _NAME,
                "error",
                f"times of {track} reach more than {_BEYOND_S:g} s beyond the clip",
                count=len(beyond),
                of=samples.rows,
                examples=[f"{samples.id(one)}: {facts.out_s[one]:.3f} s" for one in worst[:5]],
                do="cut the measurement at the clip; it was made of something else",
            )


CHECK = Check(_NAME, _find, needs=("tracks",))
