"""Ids that name several samples: whoever joins a table to the dataset by id gets the wrong rows."""

import re
from collections.abc import Iterator

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "same-ids"
_NUMBERS = re.compile(r"[\d/_.-]*")


def _find(samples: Samples) -> Iterator[Finding]:
    ids = Codes.of_arrow([samples.ids])
    if samples.has("splits") and all(_NUMBERS.fullmatch(name) for name in ids.names):
        ids = Codes.joined([samples.named["split"], ids])  # mere numbers are counted anew in each split
    again = ids.counts > 1
    if again.any():
        yield finding(
            _NAME,
            "error",
            "ids name more than one sample",
            count=int(again.sum()),
            of=len(ids.names),
            examples=[f"{ids.names[code]}: {ids.counts[code]} samples" for code in np.flatnonzero(again)[:5]],
            do="give every sample an id of its own",
        )


CHECK = Check(_NAME, _find)
