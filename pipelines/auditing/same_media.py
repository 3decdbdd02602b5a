"""Sound, video and pictures that are the same, byte for byte, in two samples.

Media that only sound or look alike have other bytes. A fingerprint of what is heard or seen finds those: it is made in
`media_facts`, where the bytes are at hand, and compared in a check of its own.
"""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.alike import groups_of
from pipelines.auditing.check import Check
from pipelines.auditing.same_clip import told
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "same-media"


def _find(samples: Samples) -> Iterator[Finding]:
    for medium, facts in samples.media.items():
        kept = np.flatnonzero(facts.digest).astype(np.int64)
        groups = groups_of(facts.digest[kept], kept)
        yield from told(_NAME, f"{medium} files, byte for byte the same,", groups, samples)


CHECK = Check(_NAME, _find, needs=("media",))
