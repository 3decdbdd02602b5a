"""Recordings whose licence does not allow what the dataset does, or what its own licence promises.

What the Creative Commons licences 4.0 ask (section 2a and 3b of their texts): NonCommercial forbids what a dataset
without that condition allows; NoDerivatives forbids to share adapted material, and a cut clip may be that; ShareAlike
asks for the same terms. This is a program's reading, not advice of a lawyer.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Flags, Samples
from schemas.audit import Finding, Severity

_NAME = "licences"
_RESERVED = re.compile(r"all rights reserved|copyright(?!ed under)|proprietary|standard youtube|no licen[cs]e|©")


class Terms(NamedTuple):
    """What a licence asks, as far as its name says."""

    reserved: bool
    no_commerce: bool
    no_derivatives: bool
    share_alike: bool


def terms(licence: str) -> Terms:
    """Of a name such as `cc-by-nc-sa-4.0`, `CC BY-ND`, `Creative Commons Attribution-NonCommercial`."""
    plain = re.sub(r"[\s_./-]+", " ", licence.lower())
    marks = set(plain.split())
    whole = plain.replace(" ", "")
    return Terms(
        bool(_RESERVED.search(licence.lower())),
        "nc" in marks or "noncommercial" in whole,
        "nd" in marks or "noderiv" in whole,
        "sa" in marks or "sharealike" in whole,
    )


def _find(samples: Samples) -> Iterator[Finding]:
    licence = samples.named["licence"]
    own = terms(samples.terms) if samples.terms else None
    media = np.zeros(samples.rows, np.bool_)
    for facts in samples.media.values():
        media |= facts.digest != 0
    each = [terms(name) for name in licence.names]
    if own is not None:
        wrong = [one.no_commerce and not own.no_commerce for one in each]
        what = (
            f"samples are of recordings for non-commercial use; the dataset's own licence ({samples.terms}) allows more"
        )
        yield from _told(
            samples, "error", what, _those(samples, wrong), "name a non-commercial licence, or leave them out"
        )
        wrong = [one.share_alike and not own.share_alike for one in each]
        what = f"samples are of recordings to be shared alike; the dataset's own licence ({samples.terms}) is another"
        yield from _told(samples, "error", what, _those(samples, wrong), "name the same licence, or leave them out")
    reserved = _those(samples, [one.reserved for one in each])
    leave = "leave their media out (measurements alone), or get the permission"
    yield from _told(samples, "error", "samples hold media of which all rights are reserved", reserved & media, leave)
    cut = _those(samples, [one.no_derivatives for one in each])
    what = "samples hold media that must not be shared in changed form; a clip may be one"
    yield from _told(samples, "warning", what, cut & media, leave)
    unsaid = ~licence.has
    yield from _told(samples, "warning", "samples name no licence, others do", unsaid, "find out, and say it")


def _those(samples: Samples, wrong: list[bool]) -> Flags:
    """bool[n]: samples of a licence that is marked."""
    licence = samples.named["licence"]
    marks = np.asarray([*wrong, False], np.bool_)  # the last is for -1: none
    return marks[licence.codes]


def _told(samples: Samples, severity: Severity, what: str, which: Flags, do: str) -> Iterator[Finding]:
    found = np.flatnonzero(which)
    if len(found):
        licence = samples.named["licence"]
        examples = [f"{samples.id(one)}: {licence.name(one) or 'none named'}" for one in found[:5]]
        yield finding(_NAME, severity, what, count=len(found), of=samples.rows, examples=examples, do=do)


CHECK = Check(_NAME, _find, needs=("licence",))
