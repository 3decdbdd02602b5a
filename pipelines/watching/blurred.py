"""Parts of the picture blurred, as a filter graph of ffmpeg."""

from collections.abc import Sequence
from typing import Protocol

_STRENGTH = 0.15
"""The radius of the blur, of the larger side of the largest part; three such blurs are one after another."""
_WEAKEST, _STRONGEST = 0.01, 0.24


class Part(Protocol):
    """From `start` to `end` (s): a box in shares of the picture's sides. Both 0: of a still picture."""

    @property
    def start(self) -> float: ...  # noqa: D102
    @property
    def end(self) -> float: ...  # noqa: D102
    @property
    def left(self) -> float: ...  # noqa: D102
    @property
    def top(self) -> float: ...  # noqa: D102
    @property
    def width(self) -> float: ...  # noqa: D102
    @property
    def height(self) -> float: ...  # noqa: D102


def blurred(parts: Sequence[Part]) -> str:
    """A chain of filters from one picture stream to one, unlabelled at both ends; nothing is done without parts.

    The mask is drawn on the stream's own pictures, so that none can come without its own; in RGB, where white and
    black are the ends of the range in every plane.
    """
    if not parts:
        return "null"
    largest = max(max(part.width, part.height) for part in parts)
    radius = min(_STRONGEST, max(_WEAKEST, _STRENGTH * largest))
    boxes = ",".join(
        f"drawbox=x=iw*{part.left:.5f}:y=ih*{part.top:.5f}:w=iw*{part.width:.5f}:h=ih*{part.height:.5f}"
        ":color=white:thickness=fill" + (f":enable='between(t,{part.start:.6f},{part.end:.6f})'" if part.end else "")
        for part in parts
    )
    return (
        "format=gbrp,split=3[sharp][one][other];"
        f"[one]boxblur=luma_radius='min(w,h)*{radius:.5f}':luma_power=3[soft];"
        f"[other]format=rgb24,drawbox=x=0:y=0:w=iw:h=ih:color=black:thickness=fill,{boxes},format=gbrp[mask];"
        "[sharp][soft][mask]maskedmerge"
    )
