"""Words that are not spoken within their clip: the clip was cut, or the words were timed, wrongly."""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "word-times"
_PARTLY_S = 0.25
"""About one word."""


def _find(samples: Samples) -> Iterator[Finding]:
    words = samples.words
    if words is None:
        return
    outside, backwards = np.flatnonzero(words.outside), np.flatnonzero(words.backwards)
    if len(outside):
        yield finding(
            _NAME,
            "error",
            f"samples have words that lie wholly outside their clip ({int(words.outside.sum()):,} words)",
            count=len(outside),
            of=samples.rows,
            examples=[f"{samples.id(one)}: {words.outside[one]} words" for one in outside[:5]],
            do="align the words again, or correct the clip's times",
        )
    if len(backwards):
        yield finding(
            _NAME,
            "error",
            "samples have words that end before they start",
            count=len(backwards),
            of=samples.rows,
            examples=[f"{samples.id(one)}: {words.backwards[one]} words" for one in backwards[:5]],
            do="align the words again",
        )
    beyond = np.maximum(words.early, words.late)
    partly = np.flatnonzero((beyond > _PARTLY_S) & (words.outside == 0))
    if len(partly):
        worst = partly[np.argsort(-beyond[partly], kind="stable")]
        yield finding(
            _NAME,
            "warning",
            f"clips cut a word: it reaches more than {_PARTLY_S} s beyond",
            count=len(partly),
            of=samples.rows,
            examples=[f"{samples.id(one)}: {beyond[one]:.3f} s" for one in worst[:5]],
            do="cut between words",
        )


CHECK = Check(_NAME, _find, needs=("words", "times"))
