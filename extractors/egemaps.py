"""The 25 low-level descriptors of eGeMAPS, by openSMILE itself.

Eyben et al. (2016), The Geneva Minimalistic Acoustic Parameter Set, IEEE Trans. Affective Computing 7(2); version 02 of
the set. openSMILE may be used for research, not in products: it is an extra of its own that nothing else needs.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from extractors.prosody import Spans, whole
from extractors.quiet_cuts import BLOCK_S, Read, cuts
from extractors.sound import RATE_HZ, SoundTrack, opened_sound
from schemas.errors import MissingPart
from schemas.step import Needs, Recording, Step
from schemas.track import Track
from schemas.track_file import track_writer

HOP = 160
"""openSMILE's configuration of the set fixes 10 ms."""

COLUMNS = (
    "Loudness_sma3",
    "alphaRatio_sma3",
    "hammarbergIndex_sma3",
    "slope0-500_sma3",
    "slope500-1500_sma3",
    "spectralFlux_sma3",
    "mfcc1_sma3",
    "mfcc2_sma3",
    "mfcc3_sma3",
    "mfcc4_sma3",
    "F0semitoneFrom27.5Hz_sma3nz",
    "jitterLocal_sma3nz",
    "shimmerLocaldB_sma3nz",
    "HNRdBACF_sma3nz",
    "logRelF0-H1-H2_sma3nz",
    "logRelF0-H1-A3_sma3nz",
    "F1frequency_sma3nz",
    "F1bandwidth_sma3nz",
    "F1amplitudeLogRelF0_sma3nz",
    "F2frequency_sma3nz",
    "F2bandwidth_sma3nz",
    "F2amplitudeLogRelF0_sma3nz",
    "F3frequency_sma3nz",
    "F3bandwidth_sma3nz",
    "F3amplitudeLogRelF0_sma3nz",
)
"""openSMILE's own names: what the field knows them by."""

_F0 = COLUMNS.index("F0semitoneFrom27.5Hz_sma3nz")
# openSMILE counts frames by their start. Pitch and what hangs on it is measured in frames of 60 ms, the rest in 20 ms.
_LONG = tuple(
    place
    for place, name in enumerate(COLUMNS)
    if name.startswith(("F0", "jitter", "shimmer", "HNR", "logRel")) or "amplitude" in name
)
_NONE_IS_ZERO = tuple(
    place
    for place, name in enumerate(COLUMNS)
    if name.startswith(("jitter", "shimmer", "HNR")) or "frequency" in name or "bandwidth" in name
)
"""Where openSMILE's smoothing ("sma3nz") takes 0 for no value."""
_LEVEL = tuple(place for place, name in enumerate(COLUMNS) if "LogRelF0" in name or "logRelF0" in name)
_NO_LEVEL = -201.0
"""What openSMILE writes for the level of a harmonic or formant that it did not find."""
_LONG_FRAME_S, _SHORT_FRAME_S = 0.060, 0.020
_MARGIN_S = 1.0


class Egemaps(Step):
    """eGeMAPSv02 low-level descriptors every 10 ms, by openSMILE (research licence)."""

    key: ClassVar[str] = "egemaps.opensmile.v2"
    packages: ClassVar[tuple[str, ...]] = ("opensmile",)
    reads: ClassVar[tuple[str, ...]] = ("audio",)
    uses: ClassVar[tuple[str, ...]] = ("watched",)

    set: Annotated[str, Field(pattern="^eGeMAPSv02$")] = "eGeMAPSv02"
    """The version of the parameter set."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `egemaps` track."""
        return ("egemaps",)

    @property
    def columns(self) -> tuple[str, ...]:
        """OpenSMILE's names."""
        return COLUMNS

    @property
    def needs(self) -> Needs:
        """One core."""
        return Needs(cpus=1, memory_mb=1000)

    def requires(self) -> tuple[Step, ...]:
        """The sound."""
        return (SoundTrack(),)

    def load(self) -> Any:
        """The extractor. Raises MissingPart."""
        try:
            import opensmile
        except ImportError as error:
            raise MissingPart(
                "eGeMAPS needs openSMILE", do="pip install 'affectloom[egemaps]' (its licence is for research only)"
            ) from error
        return opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.LowLevelDescriptors
        )

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Measure each recording, block by block."""
        for recording in recordings:
            with (
                opened_sound(recording) as sound,
                recording.create("egemaps", Track.suffix) as path,
                track_writer(path, COLUMNS) as writer,
            ):
                for part in measured(sound.read, sound.length, sound.spans, model):
                    writer.add(part.table())


def measure(read: Read, length: int, spans: Spans, smile: Any, longest_s: float = BLOCK_S) -> Track:
    """The descriptors of one sound as a whole: the parts of `measured`, joined."""
    return Track.joined(list(measured(read, length, spans, smile, longest_s)), COLUMNS)


def measured(read: Read, length: int, spans: Spans, smile: Any, longest_s: float = BLOCK_S) -> Iterator[Track]:
    """The descriptors of one sound, block by block, each frame at the time of its own middle.

    NaN: pitch and what hangs on it where unvoiced (openSMILE writes 0 or -201), formants and levels not found,
    everything outside the sound. Where voice begins and ends openSMILE's smoothing over three frames mixes its -201
    into the levels; they are left as it gives them. Blocks of a long recording overlap by a second on both sides.

    Args:
        read: gives samples by their index.
        length: samples there are.
        spans: where there is sound, in seconds.
        smile: what `Egemaps.load` made.
        longest_s: of a block.
    """
    bounds = cuts(read, length, RATE_HZ, HOP, longest_s)
    margin = int(_MARGIN_S * RATE_HZ)
    long = np.isin(np.arange(len(COLUMNS)), _LONG)
    for start, stop in pairwise(bounds):
        origin = max(start - margin, 0)
        block = centred(descriptors(smile, read(origin, min(stop + margin, length))))
        first, last = start // HOP, -(-stop // HOP)
        values = np.full((last - first, len(COLUMNS)), np.nan, np.float32)
        known = block[first - origin // HOP : last - origin // HOP]
        values[: len(known)] = known
        times = np.arange(first, last) * HOP / RATE_HZ
        values[np.ix_(~whole(spans, times, _LONG_FRAME_S), long)] = np.nan
        values[np.ix_(~whole(spans, times, _SHORT_FRAME_S), ~long)] = np.nan
        yield Track.centred(times, HOP / RATE_HZ, values, COLUMNS)


def descriptors(smile: Any, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The table as openSMILE gives it: shape (frames, 25), frame k from k * 10 ms on. None of a sound under 60 ms."""
    if len(sound) < _LONG_FRAME_S * RATE_HZ:
        return np.empty((0, len(COLUMNS)), np.float32)
    table = smile.process_signal(sound, RATE_HZ)
    return np.asarray(table[list(COLUMNS)].to_numpy(), np.float32)


def centred(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """The table of `descriptors` moved to the middles of its frames, and numbers that mean "none" made NaN.

    Args:
        table: shape (frames, 25), row k for the frames that start at k * 10 ms.

    Returns:
        shape (frames + 3, 25), row k for time k * 10 ms.
    """
    cleaned = table.copy()
    for places, none in ((_NONE_IS_ZERO, 0.0), (_LEVEL, _NO_LEVEL)):
        given = table[:, list(places)]
        cleaned[:, list(places)] = np.where(given == none, np.nan, given)
    cleaned[np.ix_(table[:, _F0] <= 0, np.isin(np.arange(len(COLUMNS)), _LONG))] = np.nan
    cleaned[~np.isfinite(cleaned)] = np.nan
    late, soon = (round(frame_s / 2 * RATE_HZ / HOP) for frame_s in (_LONG_FRAME_S, _SHORT_FRAME_S))
    moved = np.full((len(table) + late, len(COLUMNS)), np.nan, np.float32)
    for place in range(len(COLUMNS)):
        by = late if place in _LONG else soon
        moved[by : by + len(table), place] = cleaned[:, place]
    return moved
