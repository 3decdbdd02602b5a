"""The sound of a recording: 16 kHz, mono, 16 bits, sample n at n / 16000 seconds of the recording's clock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from schemas.errors import StoreError
from schemas.facts import Facts, Watched
from schemas.step import Recording
from schemas.watching import SoundWanted, Watcher

RATE_HZ = 16_000

_FULL_SCALE = 32768
_AT_A_TIME = 50
"""Packets, of a few hundred samples each, that are written together."""


class SoundTrack(Watcher):
    """Keeps the sound as FLAC, written while it is decoded: memory does not grow with the length.

    All channels are mixed to one, as ffmpeg does it (ITU-R BS.775 weights, scaled so that nothing clips).
    """

    key: ClassVar[str] = "sound-track.v1"
    packages: ClassVar[tuple[str, ...]] = ("soundfile",)

    @property
    def makes(self) -> tuple[str, ...]:
        """The `audio` artifact, a FLAC file."""
        return ("audio",)

    @property
    def wants(self) -> SoundWanted:
        """The whole sound."""
        return SoundWanted(rate_hz=RATE_HZ)

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Writing":
        """Open the file."""
        return Writing(recording)


class Writing:
    """A FLAC file being written. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording) -> None:
        import soundfile

        self._waiting: list[NDArray[np.int16]] = []
        self._place: AbstractContextManager[Path] = recording.create("audio", "flac")
        self._samples = 0
        self._path = self._place.__enter__()
        try:
            self._file = soundfile.SoundFile(
                self._path, "w", samplerate=RATE_HZ, channels=1, subtype="PCM_16", format="FLAC"
            )
        except BaseException as error:
            self._place.__exit__(type(error), error, error.__traceback__)
            raise

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Add samples, shape (n,)."""
        self._waiting.append(samples)
        if len(self._waiting) >= _AT_A_TIME:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            together = np.concatenate(self._waiting)
            self._waiting.clear()
            with _written():
                self._file.write(together)
            self._samples += len(together)

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Not wanted."""

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Not wanted."""

    def finish(self, watched: Watched) -> None:
        """Make the artifact."""
        try:
            self._write()
            with _written():
                self._close()
        except BaseException as error:
            self._place.__exit__(type(error), error, error.__traceback__)
            raise
        self._place.__exit__(None, None, None)

    def _close(self) -> None:
        self._file.close()
        if round(length_s(self._path) * RATE_HZ) != self._samples:
            raise OSError("the end is missing")

    def abandon(self) -> None:
        """Leave nothing behind."""
        import soundfile

        with suppress(soundfile.LibsndfileError):  # why it is abandoned is known already
            self._file.close()
        self._place.__exit__(_Abandoned, _Abandoned(), None)


@contextmanager
def _written() -> Iterator[None]:
    """Translate a failure: libsndfile does not say why it cannot write; with a file of our own it is the disk."""
    import soundfile

    try:
        yield
    except (soundfile.LibsndfileError, OSError) as error:
        raise StoreError(f"the sound cannot be written: {error}", do="is the disk full, or a quota reached?") from error


class _Abandoned(Exception):
    """Tells the place that the file is not to become the artifact."""


@dataclass(frozen=True)
class Sound:
    """The sound of a recording, of which parts are read.

    read: float32 samples in [-1, 1) from the first to before the second index, cut to where there are any. length:
    samples there are. spans: where there is sound, in seconds.
    """

    read: Callable[[int, int], NDArray[np.float32]]
    length: int
    spans: Sequence[tuple[float, float]]


@contextmanager
def opened_sound(recording: Recording) -> Iterator[Sound]:
    """The `audio` artifact of a recording, with the stretches that `watched` knows of."""
    with recording.local("audio") as path:
        duration_s = length_s(path)
        known = recording.read("watched", Watched).sound_spans if recording.has("watched") else ((0.0, duration_s),)

        def read(first: int, stop: int) -> NDArray[np.float32]:
            return samples(path, first / RATE_HZ, stop / RATE_HZ)

        yield Sound(read, round(duration_s * RATE_HZ), known)


def length_s(path: Path) -> float:
    """Length of the sound in seconds."""
    import soundfile

    return float(soundfile.info(str(path)).frames / RATE_HZ)


def samples(path: Path, start_s: float = 0.0, stop_s: float | None = None) -> NDArray[np.float32]:
    """The sound between two times, cut to where there is any.

    Args:
        path: an `audio` artifact.
        start_s: seconds of the clock; the nearest sample is the first one.
        stop_s: the nearest sample is the first one left out; None: to the end.

    Returns:
        shape (n,), in [-1, 1).

    Raises:
        ValueError: not 16 kHz mono.
    """
    import soundfile

    with soundfile.SoundFile(str(path)) as file:
        _check(file.samplerate, file.channels, path)
        first = min(max(round(start_s * RATE_HZ), 0), file.frames)
        last = file.frames if stop_s is None else min(max(round(stop_s * RATE_HZ), first), file.frames)
        file.seek(first)
        return _floats(file.read(last - first, dtype="int16"))


def blocks(path: Path, block_s: float, margin_s: float = 0.0) -> Iterator[tuple[float, float, NDArray[np.float32]]]:
    """The whole sound piece by piece, each with some of its neighbours' sound for analysis windows at the edges.

    Args:
        path: an `audio` artifact.
        block_s: seconds of a block; blocks tile the clock from 0, the last one may be shorter.
        margin_s: seconds of sound added on both sides, where there is any.

    Yields:
        (start of the block in seconds, time of the first sample in seconds, samples float32 of shape (n,)).

    Raises:
        ValueError: not 16 kHz mono, or a block without length.
    """
    import soundfile

    block, margin = round(block_s * RATE_HZ), round(margin_s * RATE_HZ)
    if block < 1 or margin < 0:
        raise ValueError(f"blocks of {block_s} s with margins of {margin_s} s cannot be cut")
    with soundfile.SoundFile(str(path)) as file:
        _check(file.samplerate, file.channels, path)
        for start in range(0, file.frames, block):
            first = max(start - margin, 0)
            file.seek(first)
            piece = file.read(min(start + block + margin, file.frames) - first, dtype="int16")
            yield start / RATE_HZ, first / RATE_HZ, _floats(piece)


def _check(rate_hz: int, channels: int, path: Path) -> None:
    if (rate_hz, channels) != (RATE_HZ, 1):
        raise ValueError(f"{path} has {channels} channels at {rate_hz} Hz; an audio artifact has 1 at {RATE_HZ}")


def _floats(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    return pcm.astype(np.float32) / np.float32(_FULL_SCALE)
