"""Sound, video and pictures that are copies of others though their bytes differ: encoded anew, cut, played faster.

Found as copies among recordings are: marks of the sound, hashes of pictures where it does not tell (docs/duplicates.md
says how well).
"""

from collections.abc import Iterator

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Samples
from pipelines.sifting.compare import compare
from pipelines.sifting.index import Index
from schemas.audit import Finding
from schemas.duplicates import Duplicates, Likeness

_NAME = "near-media"
_HOW = Duplicates(find="near")
_Pair = tuple[int, int, Likeness]


def _find(samples: Samples) -> Iterator[Finding]:
    looks = [one for one in samples.looks if one is not None]
    index = Index()
    for each in looks:
        index.add(each)
    found = (
        (int(looks[a].id), int(looks[b].id), link)
        for a, b in index.pairs(_HOW.sound)
        if looks[a].sha256 != looks[b].sha256 and (link := compare(looks[a], looks[b], _HOW)) is not None
    )
    split = samples.named.get("split")
    across: list[_Pair] = []
    within: list[_Pair] = []
    for one, other, link in found:
        if link.kind == "near" and not _overlap(samples, one, other):
            apart = split is not None and split.codes[one] != split.codes[other]
            (across if apart else within).append((one, other, link))
    for pairs, where in ((across, "of different splits"), (within, "of one split")):
        if pairs:
            yield finding(
                _NAME,
                "warning" if pairs is across else "note",
                f"pairs of samples {where} sound or look like copies of each other",
                count=len(pairs),
                examples=[f"{samples.id(a)}, {samples.id(b)}: {_measured(link)}" for a, b, link in pairs[:5]],
                do="listen, look, and keep copies in one split" if pairs is across else "see whether they are meant",
            )


def _overlap(samples: Samples, one: int, other: int) -> bool:
    """Whether the two are of one recording and share a part of it: another check tells that."""
    clock = samples.clock
    if clock is None or samples.start is None or samples.end is None or clock.codes[one] != clock.codes[other]:
        return False
    if clock.codes[one] < 0:
        return False
    return bool(max(samples.start[one], samples.start[other]) < min(samples.end[one], samples.end[other]))


def _measured(link: Likeness) -> str:
    heard = f"{link.sound:.0%} of the marks of the sound in common" if link.sound is not None else ""
    seen = f"{link.picture:.0%} of the bits of the pictures differ" if link.picture is not None else ""
    return ", ".join(part for part in (heard, seen) if part)


CHECK = Check(_NAME, _find, needs=("looks",))
