"""Sound for tests: speech of known text at known times, silence, noise, music."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from recordings import FolderRecording

from schemas.source import Source

RATE_HZ = 16_000


def say(text: str, voice: str = "slt") -> NDArray[np.float32]:
    """Speech by flite (English) at 16 kHz, the silence at its ends cut off; skips the test where flite is missing."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed: apt-get install flite")
    return _trimmed(_flite(text, voice))


@cache
def _flite(text: str, voice: str) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        return _read(path)


def espeak(text: str, voice: str) -> NDArray[np.float32]:
    """Speech by espeak-ng at 16 kHz in any of its languages; skips the test where it is missing."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed: apt-get install espeak-ng")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "140", "-w", str(path), text], check=True, capture_output=True)
        return _trimmed(_read(path))


def _read(path: Path) -> NDArray[np.float32]:
    sound, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != RATE_HZ:
        at = np.arange(0, len(sound), rate_hz / RATE_HZ)
        sound = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
    return sound


def _trimmed(sound: NDArray[np.float32], floor: float = 0.01) -> NDArray[np.float32]:
    loud = np.flatnonzero(np.abs(sound) > floor)
    return sound[loud[0] : loud[-1] + 1]


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def noise(seconds: float, level: float = 0.05, seed: int = 1) -> NDArray[np.float32]:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def music(seconds: float) -> NDArray[np.float32]:
    """Chords with a beat of two a second."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    roots = np.array([220.0, 174.6, 196.0, 261.6])[(at / 2).astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * roots * ratio * at) / n for n, ratio in enumerate((1, 1.25, 1.5, 2), 1))
    return (0.15 * chord * np.exp(-3 * (at % 0.5))).astype(np.float32)


def recording(folder: Path, sound: NDArray[np.float32], *, language: str | None = None) -> FolderRecording:
    """A recording whose sound track is there."""
    made = FolderRecording(folder, source=Source(id=folder.name, uri=None, sha256="0" * 64, language=language))
    soundfile.write(folder / "audio.flac", sound, RATE_HZ, subtype="PCM_16")
    return made
