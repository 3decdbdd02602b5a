"""Speakers, recordings, sources and dialogues that stand on both sides of a split.

A model that has seen a speaker or a scene is tested on what it remembers: measured results are then higher than those
on new people. Chaibub Neto and others (2019),
"Detecting the impact of subject characteristics on machine learning-based diagnostic applications", npj Digital
Medicine 2:99.
"""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes, crossed
from pipelines.auditing.dialogues import is_numbered_by_split
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "split-overlap"
_ROLES = ("speaker", "dialogue", "recording", "source")


def _find(samples: Samples) -> Iterator[Finding]:
    split = samples.named["split"]
    done: list[Codes] = []
    for role in _ROLES:
        group = samples.named.get(role)
        if group is None or any(np.array_equal(group.codes, one.codes) for one in done):
            continue
        done.append(group)
        if role == "dialogue" and is_numbered_by_split(group, split):
            yield finding(
                _NAME,
                "note",
                "dialogues are numbered anew in each split; equal numbers were taken for different dialogues",
                count=len(group.names),
                do="give dialogues names that hold for the whole dataset",
            )
            continue
        yield from overlap(role, split, group)


def overlap(role: str, split: Codes, group: Codes) -> Iterator[Finding]:
    """What stands in several splits. At most one finding."""
    table = crossed(group, split)
    shared = (table > 0).sum(axis=1) > 1
    if not shared.any():
        return
    largest = int(table.sum(axis=0).argmax())
    told = []
    for code, name in enumerate(split.names):
        seen = int(table[table[:, largest] > 0, code].sum())
        if code != largest and seen:
            told.append(f"{seen:,} of {int(table[:, code].sum()):,} samples of {name}")
    where = f": {', '.join(told)} are of a {role} in {split.names[largest]}" if told else ""
    order = np.argsort(-np.where(shared, table.sum(axis=1), 0), kind="stable")
    yield finding(
        _NAME,
        "warning",
        f"{role}s stand in several splits{where}",
        count=int(shared.sum()),
        of=len(group.names),
        examples=[
            f"{group.names[code]}: "
            + ", ".join(f"{n:,} in {s}" for s, n in zip(split.names, table[code], strict=True) if n)
            for code in order[: int(shared.sum())].tolist()
        ],
        do=f"split by {role}, or say beside every result that {role}s were known",
    )


CHECK = Check(_NAME, _find, needs=("splits",), either=_ROLES)
