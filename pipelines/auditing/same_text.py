"""The same words in several samples: in two splits, or with two labels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.alike import Groups, apart, disagreeing, groups_of, shown
from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes
from pipelines.auditing.samples import Samples
from schemas.audit import Finding, Severity

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = "same-text"
LONG = 4
"""Words from which equal texts are hardly chance: everybody says `Oh my God!`."""


def plain(texts: "pa.Array") -> "pa.Array":
    """Small letters and digits, one blank between words: what is left if writing does not count."""
    import pyarrow.compute as pc

    spaced = pc.replace_substring_regex(pc.utf8_lower(texts), r"[^\p{L}\p{M}\p{N}]+", " ")
    return pc.utf8_trim_whitespace(spaced)


def _find(samples: Samples) -> Iterator[Finding]:
    import pyarrow.compute as pc

    if samples.text is None:
        return
    texts = plain(samples.text)
    words = pc.fill_null(pc.count_substring(texts, " "), 0).to_numpy(zero_copy_only=False) + 1
    codes = Codes.of_arrow([texts])
    kept = np.flatnonzero(codes.has).astype(np.int64)
    groups = groups_of(codes.codes[kept], kept)
    long = [group for group in groups if words[group[0]] >= LONG]
    short = [group for group in groups if words[group[0]] < LONG]
    split = samples.named.get("split")
    across, within = apart(long, split)
    yield from _told(samples, f"texts of {LONG} words or more stand in several splits", across, "warning")
    yield from _told(samples, f"texts of {LONG} words or more occur more than once in a split", within, "note")
    yield from _told(
        samples, f"texts of fewer than {LONG} words stand in several splits", apart(short, split)[0], "note"
    )
    for question, label in samples.labels.items():
        found = [group for group, _ in disagreeing(long, label)]
        if found:
            yield finding(
                _NAME,
                "note",
                f"texts of {LONG} words or more occur with different labels of {question}",
                count=len(found),
                of=len(long),
                examples=[
                    f"{_quote(samples, group)}: "
                    + ", ".join(f"{samples.id(one)} {label.name(one)}" for one in shown(group, label))
                    for group in found[:5]
                ],
                do="the words alone do not decide there; look whether one of the labels is wrong",
            )


def _told(samples: Samples, what: str, groups: Groups, severity: Severity) -> Iterator[Finding]:
    split = samples.named.get("split")
    if groups:
        yield finding(
            _NAME,
            severity,
            what,
            count=len(groups),
            examples=[
                f"{_quote(samples, group)}: {', '.join(samples.id(one) for one in shown(group, split))}"
                for group in groups[:5]
            ],
            do="keep equal texts in one split" if severity == "warning" else "see whether they are meant",
        )


def _quote(samples: Samples, group: NDArray[np.int64]) -> str:
    text = str(samples.text[int(group[0])].as_py()) if samples.text is not None else ""
    return f"“{text if len(text) <= 80 else text[:77] + '...'}”"  # noqa: PLR2004


CHECK = Check(_NAME, _find, needs=("text",))
