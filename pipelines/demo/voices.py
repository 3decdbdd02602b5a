"""Synthetic speech of known text at known times."""

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FPS = 25
RATE_HZ = 16_000
_LEAD_S, _PAUSE_S, _TAIL_S = 0.4, 0.6, 0.5

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Spoken:
    """A sentence on the clock, in seconds, and who speaks it."""

    start: float
    end: float
    who: str
    text: str


def say(text: str, voice: str) -> Sound:
    """The voice's samples at 16 kHz in [-1, 1], silence cut off at both ends, at a fixed level."""
    with tempfile.TemporaryDirectory() as folder:
        spoken, out = Path(folder) / "spoken.wav", Path(folder) / "out.wav"
        if voice.startswith("espeak:"):
            run("espeak-ng", "-v", voice.partition(":")[2], "-s", "150", "-w", str(spoken), text)
        else:
            run("flite", "-voice", voice, "-t", text, "-o", str(spoken))
        run("ffmpeg", "-v", "error", "-i", str(spoken), "-ar", str(RATE_HZ), "-ac", "1", "-c:a", "pcm_s16le", str(out))
        with wave.open(str(out)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    cut = samples[loud[0] : loud[-1] + 1]
    return np.asarray(0.08 * cut / np.sqrt(np.mean(cut**2)), np.float32)


def dialogue(lines: Sequence[tuple[str, str, str]]) -> tuple[Sound, list[Spoken]]:
    """Lines (who, voice, text) one after the other with pauses; the length is a whole number of video frames."""
    spoken: list[Spoken] = []
    at = round(_LEAD_S * RATE_HZ)
    parts: list[Sound] = [np.zeros(at, np.float32)]
    for who, voice, text in lines:
        samples = say(text, voice)
        spoken.append(Spoken(at / RATE_HZ, (at + len(samples)) / RATE_HZ, who, text))
        parts += [samples, np.zeros(round(_PAUSE_S * RATE_HZ), np.float32)]
        at += len(samples) + len(parts[-1])
    a_frame = RATE_HZ // FPS
    frames = -(-(at + round((_TAIL_S - _PAUSE_S) * RATE_HZ)) // a_frame)
    return np.pad(np.concatenate(parts), (0, a_frame))[: frames * a_frame], spoken


def loudness(sound: Sound, spoken: Iterable[Spoken], who: str) -> NDArray[np.float64]:
    """How loud one speaker is in each video frame, smoothed over three frames; 0 to 1, shape (frames,)."""
    alone = np.zeros(len(sound), np.float64)
    for line in spoken:
        if line.who == who:
            here = slice(round(line.start * RATE_HZ), round(line.end * RATE_HZ))
            alone[here] = sound[here]
    level = np.sqrt(np.mean(alone.reshape(-1, RATE_HZ // FPS) ** 2, axis=1))
    smooth = np.convolve(np.pad(level, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    return np.asarray(np.clip(smooth / np.quantile(level[level > 0], 0.9), 0, 1), np.float64)


def write_wav(path: Path, sound: Sound) -> None:
    """16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def run(*command: str) -> None:
    """Run a program. Raises SystemExit where it is not installed."""
    program = shutil.which(command[0])
    if program is None:
        raise SystemExit(f"{command[0]} is not installed")
    subprocess.run([program, *command[1:]], check=True)
