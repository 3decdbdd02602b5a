"""The rules by which samples are judged: each a number of a sample, out of measurements that are in the store.

What a good threshold is depends on the material: look at the distribution (`affectloom gates RECIPE`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.sifting.known import Known, Numbers
from pipelines.sifting.picture_rules import face, face_size, image_text, lip_sync, mouth, movement
from pipelines.sifting.sound_rules import language, length, music, snr, speech


@dataclass(frozen=True)
class Rule:
    """One rule. needs: artifacts, each or one of several; what: for people."""

    what: str
    unit: str
    needs: tuple[tuple[str, ...], ...]
    score: Callable[[Known], Numbers]


_PICTURES: Final = ("clip", "siglip", "dinov2")
RULES: Final[dict[str, Rule]] = {
    "length": Rule("how long it is", "s", (), length),
    "speech": Rule("share of the time in which somebody speaks", "", (("voice",),), speech),
    "music": Rule(
        "share of the time in which a pitch is heard and nobody speaks", "", (("voice",), ("prosody",)), music
    ),
    "snr": Rule("level of speech over that of the pauses", "dB", (("voice",), ("prosody",)), snr),
    "face": Rule("share of the frames that show a face", "", (("faces",),), face),
    "face_size": Rule("height of the largest face, as a share of the picture's", "", (("faces",),), face_size),
    "language": Rule("probability that a wanted language is spoken", "", (("words",),), language),
    "movement": Rule("how much the picture changes from one to the next", "", (_PICTURES,), movement),
    "mouth": Rule("share of the speech for which a mouth moves", "", (("speaking",),), mouth),
    "lip_sync": Rule(
        "correlation of the mouth's opening with the voice's swell", "", (("faces",), ("prosody",)), lip_sync
    ),
    "image_text": Rule(
        "cosine between text and pictures", "", (("clip", "siglip"), ("clip_text", "siglip_text")), image_text
    ),
}


def scores(known: Known, rules: Sequence[str]) -> NDArray[np.float32]:
    """float32[S, R], rounded to four decimals. NaN: cannot be judged."""
    columns = [np.round(RULES[rule].score(known), 4) for rule in rules]
    found = np.stack(columns, axis=1) if columns else np.zeros((len(known.spans), 0))
    return np.where(np.isfinite(found), found, np.nan).astype(np.float32)
