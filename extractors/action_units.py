"""Action unit proxies: what is measured of a face read as the nearest unit of the Facial Action Coding System.

All but one are blendshapes. A blendshape is a coefficient of an animation model, an action unit (AU) is a judgement by
a trained coder (Ekman, Friesen & Hager 2002). The correspondence is a likeness of descriptions, no calibration: proxies
are good for the direction in which one face changes, not for intensities, nor for comparing people.
`docs/action_units.md` has the table with what is known of each row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Validity = Literal["fair", "weak", "dead", "unknown"]

PY_FEAT = "py-feat AU reference, docs/pages/au_reference.md (nearest ARKit shape, approximate)"
"""Where the correspondence is published: https://github.com/cosanlab/py-feat."""

TIAN = "Tian, Kanade & Cohn 2001, IEEE TPAMI 23(2), 97-115: cheek motion, r_cheek = -(c - c0) / c0"
"""Where the measure of the cheek is published, as one of the features from which units of the upper face are told."""

CHEEK_RISE = "cheek_rise"
"""The one measure that is no blendshape: `extractors.face_geometry.cheek_rise`."""


@dataclass(frozen=True)
class ActionUnit:
    """One unit that has a measure of its own.

    number: in FACS. shapes: MediaPipe's names, or `CHEEK_RISE`; the proxy is their mean, so a one-sided movement counts
        half.
    validity: `fair` where a linear map fitted from the same 52 shapes to another detector's unit explains about half
        of its variance (cross-validated R2 0.5), `weak` for about 0.3 or less or where the shape hardly moves,
        `dead` where it does not move, `unknown` where nothing is published.
    known: the evidence, in words.
    """

    number: int
    name: str
    shapes: tuple[str, ...]
    validity: Validity
    known: str
    source: str = PY_FEAT

    @property
    def column(self) -> str:
        """Such as `au06_proxy`."""
        return f"au{self.number:02d}_proxy"


def _sides(shape: str) -> tuple[str, str]:
    return f"{shape}Left", f"{shape}Right"


_FITTED = "fitted map from these shapes (py-feat bs_to_au model card), against another detector, not coders: R2 about "
_NOT_REPORTED = "no figure published for this unit"

ACTION_UNITS: tuple[ActionUnit, ...] = (
    ActionUnit(1, "inner brow raiser", ("browInnerUp",), "weak", _FITTED + "0.29"),
    ActionUnit(2, "outer brow raiser", _sides("browOuterUp"), "weak", _FITTED + "0.29"),
    ActionUnit(4, "brow lowerer", _sides("browDown"), "unknown", _NOT_REPORTED),
    ActionUnit(
        5,
        "upper lid raiser",
        _sides("eyeWide"),
        "weak",
        "the shape stays low: users report under 0.05 (mediapipe issue 4450), we saw at most 0.07",
    ),
    ActionUnit(
        6,
        "cheek raiser",
        (CHEEK_RISE,),
        "unknown",
        "no figure published for the measure alone; in 455 real faces its median is 0.01 without a smile and 0.16 with "
        "one, and a third of its variance is that of au12_proxy, partly because the landmarks of cheek and mouth "
        "depend on each other; the shape that is named for it, cheekSquint, is dead (under 0.0001 in every smile)",
        TIAN,
    ),
    ActionUnit(
        7, "lid tightener", _sides("eyeSquint"), "unknown", _NOT_REPORTED + "; rose in one smile, fell in another"
    ),
    ActionUnit(
        9,
        "nose wrinkler",
        _sides("noseSneer"),
        "dead",
        "the shape stays under 0.05 (mediapipe issue 4450), under 0.0001 in all that we tried; " + _FITTED + "0.29, "
        "which therefore comes from other shapes",
    ),
    ActionUnit(10, "upper lip raiser", _sides("mouthUpperUp"), "unknown", _NOT_REPORTED + "; rises with open smiles"),
    ActionUnit(12, "lip corner puller", _sides("mouthSmile"), "fair", _FITTED + "0.5"),
    ActionUnit(14, "dimpler", _sides("mouthDimple"), "unknown", _NOT_REPORTED),
    ActionUnit(15, "lip corner depressor", _sides("mouthFrown"), "weak", _FITTED + "under 0.10"),
    ActionUnit(17, "chin raiser", ("mouthShrugLower",), "unknown", _NOT_REPORTED),
    ActionUnit(18, "lip pucker", ("mouthPucker",), "unknown", _NOT_REPORTED),
    ActionUnit(20, "lip stretcher", _sides("mouthStretch"), "unknown", _NOT_REPORTED),
    ActionUnit(22, "lip funneler", ("mouthFunnel",), "unknown", _NOT_REPORTED),
    ActionUnit(24, "lip pressor", _sides("mouthPress"), "unknown", _NOT_REPORTED + "; AU 23 has the same shape"),
    ActionUnit(26, "jaw drop", ("jawOpen",), "unknown", _NOT_REPORTED + "; AU 25 and 27 have the same shape"),
    ActionUnit(28, "lip suck", ("mouthRollUpper", "mouthRollLower"), "weak", _FITTED + "under 0.10"),
    ActionUnit(
        45,
        "blink",
        _sides("eyeBlink"),
        "fair",
        _FITTED + "0.5 for AU 43, which has the same shape; rises with lowered gaze too",
    ),
)
"""The units that get a column, in order of number. All are means of measures in [0, 1]."""

NOT_SEPARABLE: Mapping[int, str] = {
    23: "lip tightener: the published shape, mouthPress, is that of AU 24 too; it stands there",
    25: "lips part: the published shape, jawOpen, is that of AU 26 too; `mouth_open` measures how far the lips part",
    27: "mouth stretch: the published shape, jawOpen, is that of AU 26 too; a high au26_proxy",
    43: "eyes closed: the published shape, eyeBlink, is that of AU 45 too; an au45_proxy that stays up",
}
"""Units asked for by many that have no column: one number under two names would be taken for two measurements."""

WITHOUT_SHAPE: Mapping[int, str] = {
    11: "nasolabial deepener: no shape corresponds",
    13: "sharp lip puller: no shape corresponds",
    16: "lower lip depressor: mouthLowerDown corresponds, read it in bs_mouthLowerDownLeft and Right",
    19: "tongue show: MediaPipe has no tongueOut",
}

COLUMNS: tuple[str, ...] = tuple(unit.column for unit in ACTION_UNITS)


def proxies(shapes: Mapping[str, float]) -> list[float]:
    """The proxies of one face in the order of `COLUMNS`, each in [0, 1], or NaN where what it is made of is.

    shapes: blendshape coefficients by MediaPipe's names, and `CHEEK_RISE`, in [0, 1]. Raises KeyError where one is
        missing.
    """
    return [sum(shapes[shape] for shape in unit.shapes) / len(unit.shapes) for unit in ACTION_UNITS]
