"""Prosody: pitch, loudness, voice quality, formants and spectrum on one grid of frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from extractors import praat
from extractors.quiet_cuts import BLOCK_S, Read, cuts, mean_and_peak
from extractors.sound import RATE_HZ, SoundTrack, opened_sound
from extractors.spectrum import DELTA_COLUMNS, DELTA_WIDTH, MFCC, SPECTRAL_COLUMNS, deltas, spectral
from extractors.voice_quality import jitter_local, shimmer_local
from schemas.errors import MissingPart
from schemas.step import Needs, Recording, Step
from schemas.track import Track
from schemas.track_file import track_writer

Spans = Sequence[tuple[float, float]]

MARGIN_S = 0.5
"""Sound on both sides of a block that is analysed and thrown away: the pitch path forgets its ends sooner."""
_JOIN_S = 0.1
"""Voiced stretches closer than this are analysed as one for voice quality."""
_EXTRA_FRAMES = 2
"""Frames on both sides of a voiced stretch that are thrown away: resampling rings at the edges."""


class Prosody(Step):
    """Voice measurements every `hop_ms`, from Praat and, for the spectrum, by librosa's definitions."""

    key: ClassVar[str] = "prosody.praat.v1"
    packages: ClassVar[tuple[str, ...]] = ("praat-parselmouth", "numpy")
    reads: ClassVar[tuple[str, ...]] = ("audio",)
    uses: ClassVar[tuple[str, ...]] = ("watched",)

    hop_ms: Annotated[float, Field(ge=1, le=1000)] = 10
    """From frame to frame; a whole number of samples at 16 kHz: a multiple of 0.0625."""
    f0: Literal["praat", "pyin"] = "praat"
    """What finds the pitch. pyin (librosa) takes about 20 times as long."""
    f0_floor_hz: Annotated[float, Field(ge=30, le=1000)] = 75
    """Lowest pitch looked for. The analysis windows grow as it falls."""
    f0_ceiling_hz: Annotated[float, Field(ge=50, le=2000)] = 500
    """Highest pitch looked for."""
    formant_ceiling_hz: Annotated[float, Field(ge=2000, le=8000)] = 5500
    """Five formants are looked for below it. Praat's advice: 5500 for women, 5000 for men, 8000 for children."""
    voice_quality_window_ms: Annotated[float, Field(ge=30, le=5000)] = 100
    """Jitter and shimmer of a frame are taken over the pulses in so long a window around it."""
    spectrum_window_ms: Annotated[float, Field(ge=8, le=256)] = 32
    """Sound under a frame of the spectrum, a multiple of 0.125."""
    mel_bands: Annotated[int, Field(ge=MFCC, le=128)] = 40
    """Bands under the MFCC."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.f0_ceiling_hz <= self.f0_floor_hz:
            raise ValueError(f"f0_ceiling_hz ({self.f0_ceiling_hz}) must be above f0_floor_hz ({self.f0_floor_hz})")
        if not (self.hop_ms * RATE_HZ / 1000).is_integer():
            raise ValueError(
                f"hop_ms ({self.hop_ms}) must be a multiple of 0.0625: a whole number of samples at 16 kHz"
            )
        if not (self.spectrum_window_ms * RATE_HZ / 2000).is_integer():
            raise ValueError(f"spectrum_window_ms ({self.spectrum_window_ms}) must be a multiple of 0.125")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """The `prosody` track."""
        return ("prosody",)

    @property
    def needs(self) -> Needs:
        """One core; memory for two minutes of sound."""
        return Needs(cpus=1, memory_mb=700)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the track's columns."""
        return (
            "f0_hz",
            "voiced",
            "voicing_strength_praat" if self.f0 == "praat" else "voicing_probability_pyin",
            "intensity_db",
            "hnr_praat_db",
            "jitter_local_praat",
            "shimmer_local_praat",
            "f1_hz",
            "f2_hz",
            "f3_hz",
            *SPECTRAL_COLUMNS,
            *DELTA_COLUMNS,
        )

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return int(self.hop_ms * RATE_HZ / 1000)

    def requires(self) -> tuple[Step, ...]:
        """The sound."""
        return (SoundTrack(),)

    def load(self) -> None:
        """Import what measures. Raises MissingPart."""
        try:
            import parselmouth  # noqa: F401

            if self.f0 == "pyin":
                import librosa  # noqa: F401
        except ImportError as error:
            raise MissingPart(f"prosody needs {error.name}", do="pip install 'affectloom[prosody]'") from error

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Measure each recording, block by block."""
        for recording in recordings:
            with (
                opened_sound(recording) as sound,
                recording.create("prosody", Track.suffix) as path,
                track_writer(path, self.columns) as writer,
            ):
                for part in measured(sound.read, sound.length, sound.spans, self):
                    writer.add(part.table())


def measure(read: Read, length: int, spans: Spans, how: Prosody, longest_s: float = BLOCK_S) -> Track:
    """The prosody of one sound as a whole: the parts of `measured`, joined."""
    return Track.joined(list(measured(read, length, spans, how, longest_s)), how.columns)


def measured(read: Read, length: int, spans: Spans, how: Prosody, longest_s: float = BLOCK_S) -> Iterator[Track]:
    """The prosody of one sound, block by block.

    Frame k stands for time k * hop and covers a hop around it; there is a frame for every k * hop before the end.

    - `f0_hz`: Praat's autocorrelation method or pyin; NaN where unvoiced.
    - `voiced`: 1 or 0; its mean over a stretch is the voiced share.
    - `voicing_strength_praat`: normalised autocorrelation of the best candidate between floor and ceiling, 0 to 1; or
      `voicing_probability_pyin`.
    - `intensity_db`: re 2e-5, full scale taken as 1 Pa as Praat does. Comparable within a recording, not between
      microphones. Digital silence is NaN: Praat's -300 dB is no measurement.
    - `hnr_praat_db`, `jitter_local_praat`, `shimmer_local_praat` (shares), `f1_hz` to `f3_hz`: of voiced frames.
    - the columns of extractors.spectrum.

    A frame of Praat's is valid only where the sound under its whole window is there, as in Praat itself: the first and
    last frames of a recording have no pitch or intensity. Spectral frames need their centre there, as in librosa.

    Args:
        read: gives samples by their index.
        length: samples there are.
        spans: where there is sound, in seconds.
        how: the options.
        longest_s: of a block; memory grows with it, and results change only next to the cuts, if at all.
    """
    hop = how.hop
    _, peak = mean_and_peak(read, length, RATE_HZ)
    bounds = cuts(read, length, RATE_HZ, hop, longest_s)
    widest_ms = max(how.spectrum_window_ms, how.voice_quality_window_ms)
    margin = round((MARGIN_S + widest_ms / 1000) * RATE_HZ)
    width = len(how.columns) - len(DELTA_COLUMNS)
    # Frames that have no deltas yet, or that others need for theirs: the first of them is frame `begin`.
    held: NDArray[np.float32] = np.empty((0, width), np.float32)
    begin = done = 0
    for start, stop in pairwise(bounds):
        origin = max(start - margin, 0)
        block = _Block(read(origin, min(stop + margin, length)), origin, peak, start // hop, -(-stop // hop) - 1)
        held = np.concatenate([held, _block_values(block, length, spans, how).astype(np.float32)])
        if stop != length and len(held) < 2 * DELTA_WIDTH:
            continue
        ready = begin + len(held) - (0 if stop == length else DELTA_WIDTH // 2)
        slopes = deltas(held[:, -MFCC:])
        values = np.concatenate([held, slopes], axis=1)[done - begin : ready - begin]
        times = np.arange(done, ready) * hop / RATE_HZ
        values[~whole(spans, times, 0)] = np.nan
        yield Track.centred(times, hop / RATE_HZ, values, how.columns)
        done = ready
        begin, held = done - DELTA_WIDTH, held[done - DELTA_WIDTH - begin :].copy()


def whole(spans: Spans, times: NDArray[np.float64], window_s: float) -> NDArray[np.bool_]:
    """bool[T]: whether there is sound under the whole window around each time. A window of 0 is its centre alone."""
    there = np.zeros(len(times), np.bool_)
    rounding_s = 1e-9
    for start, end in spans:
        if window_s:
            fits = (times - window_s / 2 >= start - rounding_s) & (times + window_s / 2 <= end + rounding_s)
        else:
            fits = (times >= start - rounding_s) & (times < end - rounding_s)
        there |= fits
    return there


@dataclass(frozen=True)
class _Block:
    """Samples with their margins, and the first and last frame that are wanted of them."""

    samples: NDArray[np.float32]
    origin: int
    peak: float
    first: int
    last: int


def _block_values(block: _Block, length: int, spans: Spans, how: Prosody) -> NDArray[np.float64]:
    """All columns but the deltas, shape (frames, columns)."""
    hop, first, last = how.hop, block.first, block.last
    times = np.arange(first, last + 1) * hop / RATE_HZ
    sound = praat.Stretch(block.samples.astype(np.float64), block.origin, block.peak)
    beyond = round(MARGIN_S * RATE_HZ / hop)
    low, high = max(first - beyond, 0), min(last + beyond, -(-length // hop) - 1)
    f0, strength, pulses = praat.pitch(sound, low, high, hop, floor_hz=how.f0_floor_hz, ceiling_hz=how.f0_ceiling_hz)
    if how.f0 == "pyin":
        f0, strength = _pyin(block, low, high, how)
    f0, strength = f0[first - low : last - low + 1], strength[first - low : last - low + 1]
    there = whole(spans, times, praat.pitch_window_s(how.f0_floor_hz))
    f0[~there] = np.nan
    strength[~there] = np.nan
    voiced = ~np.isnan(f0)
    loudness = praat.intensity(sound, first, last, hop, floor_hz=how.f0_floor_hz)
    loudness[~whole(spans, times, praat.intensity_window_s(how.f0_floor_hz))] = np.nan
    window_s = how.voice_quality_window_ms / 1000
    quality = np.column_stack(
        [
            np.full(len(times), np.nan),
            jitter_local(pulses, times, window_s),
            shimmer_local(pulses, times, window_s),
            np.full((len(times), 3), np.nan),
        ]
    )
    for begin, end in _stretches(voiced, max(round(_JOIN_S * RATE_HZ / hop), 1)):
        ask = first + begin - _EXTRA_FRAMES, first + end + _EXTRA_FRAMES
        inner = slice(_EXTRA_FRAMES, -_EXTRA_FRAMES)
        quality[begin : end + 1, 0] = praat.harmonicity(sound, *ask, hop, floor_hz=how.f0_floor_hz)[inner]
        quality[begin : end + 1, 3:] = praat.formants(sound, *ask, hop, ceiling_hz=how.formant_ceiling_hz)[inner]
    quality[~voiced] = np.nan
    spectrum = spectral(
        block.samples,
        block.origin,
        first,
        last,
        hop,
        window=int(how.spectrum_window_ms * RATE_HZ / 1000),
        mel_bands=how.mel_bands,
    )
    return np.column_stack([f0, np.where(there, voiced, np.nan), strength, loudness, quality, spectrum])


def _stretches(voiced: NDArray[np.bool_], join: int) -> list[tuple[int, int]]:
    """First and last index of each run of voiced frames; runs at most `join` apart are one."""
    at = np.flatnonzero(voiced)
    if not len(at):
        return []
    gaps = np.flatnonzero(np.diff(at) > join)
    return list(zip(at[np.append(0, gaps + 1)].tolist(), at[np.append(gaps, len(at) - 1)].tolist(), strict=True))


def _pyin(block: _Block, first: int, last: int, how: Prosody) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F0 and voicing probability by probabilistic YIN (Mauch & Dixon 2014, ICASSP), on the same grid.

    The frame holds at least four periods of the floor, rounded up to a power of two samples.
    """
    import librosa

    frame = 1 << int(np.ceil(np.log2(4 * RATE_HZ / how.f0_floor_hz)))
    begin = first * how.hop - block.origin
    stop = last * how.hop - block.origin + 1
    sound = np.zeros(stop - begin, np.float32)
    there = block.samples[max(begin, 0) : stop]
    sound[max(-begin, 0) : max(-begin, 0) + len(there)] = there
    f0, _, probability = librosa.pyin(
        sound,
        fmin=how.f0_floor_hz,
        fmax=how.f0_ceiling_hz,
        sr=RATE_HZ,
        frame_length=frame,
        hop_length=how.hop,
    )
    return np.asarray(f0, np.float64), np.asarray(probability, np.float64)
