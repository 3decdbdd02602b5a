"""Texts that are nearly the same: one more word, another spelling, a template with another name."""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes
from pipelines.auditing.min_hash import ALIKE, LEAST, near_pairs
from pipelines.auditing.same_text import plain
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "near-text"
_Pair = tuple[int, int, float]
_MOST_BYTES = 2_000
"""Of a long text its beginning is compared."""


def _find(samples: Samples) -> Iterator[Finding]:
    if samples.text is None:
        return
    codes = Codes.of_arrow([plain(samples.text)])
    kept = [code for code, name in enumerate(codes.names) if len(name) >= LEAST]
    beginnings: dict[bytes, int] = {}
    for code in kept:
        beginnings.setdefault(codes.names[code].encode()[:_MOST_BYTES], code)
    texts, places = list(beginnings), list(beginnings.values())
    pairs = near_pairs(texts)
    if not pairs:
        return
    first, splits = _first_and_splits(codes, samples.named.get("split"))
    across: list[_Pair] = []
    within: list[_Pair] = []
    for a, b, similarity in pairs:
        one, other = places[a], places[b]
        (across if len(splits[one] | splits[other]) > 1 else within).append((first[one], first[other], similarity))
    for found, where in ((across, "of different splits"), (within, "of one split")):
        if found:
            yield finding(
                _NAME,
                "warning" if found is across else "note",
                f"pairs of texts {where} are nearly the same (Jaccard similarity {ALIKE} or more)",
                count=len(found),
                examples=[
                    f"{samples.id(a)} “{_cut(samples, a)}”, {samples.id(b)} “{_cut(samples, b)}”: {similarity:.2f}"
                    for a, b, similarity in found[:5]
                ],
                do="keep them in one split" if found is across else "see whether they are meant",
            )


def _first_and_splits(codes: Codes, split: Codes | None) -> tuple[list[int], list[set[int]]]:
    """For each text the first sample that has it, and the splits it stands in."""
    first = [-1] * len(codes.names)
    splits: list[set[int]] = [set() for _ in codes.names]
    of_split = np.zeros(len(codes), np.int64) if split is None else split.codes
    for sample, (code, own) in enumerate(zip(codes.codes.tolist(), of_split.tolist(), strict=True)):
        if code >= 0:
            splits[code].add(own)
            if first[code] < 0:
                first[code] = sample
    return first, splits


def _cut(samples: Samples, sample: int) -> str:
    text = str(samples.text[sample].as_py()) if samples.text is not None else ""
    return text if len(text) <= 90 else f"{text[:87]}..."  # noqa: PLR2004


CHECK = Check(_NAME, _find, needs=("text",))
