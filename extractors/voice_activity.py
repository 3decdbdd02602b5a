"""Where somebody speaks: silero VAD over the sound track."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from extractors import sound, weights
from extractors.sound import RATE_HZ, SoundTrack
from schemas.errors import MissingPart
from schemas.step import Needs, Recording, Step
from schemas.transcript import Span
from schemas.transcript import VoiceActivity as Voice

WINDOW = 512
"""Samples to one probability: 32 ms."""
_CONTEXT = 64
_STATE = (1, 1, 128)
_BLOCK_S = 8.192

SILERO = weights.Weight(
    name="silero_vad_v6.onnx",
    sha256="4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
    url="https://raw.githubusercontent.com/SYSTRAN/faster-whisper/v1.2.1/faster_whisper/assets/silero_vad_v6.onnx",
    packages=(("faster-whisper", "faster_whisper/assets/silero_vad_v6.onnx"),),
)


class VoiceActivity(Step):
    """Stretches with speech, by the silero detector (Silero Team 2024, https://github.com/snakers4/silero-vad)."""

    key: ClassVar[str] = "voice-activity.silero.v1"
    packages: ClassVar[tuple[str, ...]] = ("faster-whisper", "onnxruntime")
    reads: ClassVar[tuple[str, ...]] = ("audio",)

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Probability at which speech begins; it goes on down to 0.15 less."""
    min_speech_s: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Shorter stretches are not speech."""
    min_silence_s: Annotated[float, Field(ge=0.032, le=10)] = 0.1
    """Shorter silences do not end a stretch."""
    pad_s: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Added on both sides of a stretch, at most up to the middle of the silence."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `voice` artifact, schemas.transcript.VoiceActivity."""
        return ("voice",)

    @property
    def needs(self) -> Needs:
        """One core."""
        return Needs(memory_mb=300)

    def requires(self) -> tuple[Step, ...]:
        """The sound track."""
        return (SoundTrack(),)

    def weights(self) -> dict[str, str]:
        """The detector."""
        return {SILERO.name: SILERO.sha256}

    def load(self) -> Any:
        """An onnxruntime session of one thread. Raises MissingPart."""
        return load_detector()

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Read each sound track block by block: memory does not grow with its length, but for 4 bytes each 32 ms."""
        for recording in recordings:
            with recording.local("audio") as path:
                blocks = (samples for _, _, samples in sound.blocks(path, _BLOCK_S))
                probabilities, length = speech_probabilities(blocks, model)
            spans = speech_spans(
                probabilities,
                length,
                threshold=self.threshold,
                min_speech_s=self.min_speech_s,
                min_silence_s=self.min_silence_s,
                pad_s=self.pad_s,
            )
            recording.write("voice", Voice(spans=tuple(Span(start=start, end=end) for start, end in spans)))


def load_detector() -> Any:
    """An onnxruntime session of the silero detector. Raises MissingPart."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPart(
            "voice activity needs onnxruntime, which is not installed", do="pip install 'affectloom[speech]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    # onnxruntime's own arena keeps memory flat: glibc's heap breaks up under its aligned buffers, and over two hours
    # of sound came to hold up to 1 GB that nobody used.
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(weights.fetch(SILERO)), sess_options=options, providers=["CPUExecutionProvider"]
    )


def speech_probabilities(blocks: Iterable[NDArray[np.float32]], detector: Any) -> tuple[NDArray[np.float32], int]:
    """Probability of speech in each window of 32 ms, and the number of samples.

    blocks: 16 kHz sound in order, shape (n,) each; all but the last hold a multiple of 512 samples. The last window
        is filled up with silence.
    Returns float32[ceil(samples / 512)] in [0, 1]. The detector's state is carried from block to block, so that the
    cut into blocks changes nothing.
    """
    hidden = np.zeros(_STATE, np.float32)
    cell = np.zeros(_STATE, np.float32)
    before: NDArray[np.float32] = np.zeros(_CONTEXT, np.float32)
    found: list[NDArray[np.float32]] = []
    samples = 0
    for block in blocks:
        if samples % WINDOW:
            raise ValueError(f"a block of {samples % WINDOW} samples more than a multiple of {WINDOW} must be the last")
        samples += len(block)
        if not len(block):
            continue
        windows = np.pad(block, (0, -len(block) % WINDOW)).reshape(-1, WINDOW)
        context = np.concatenate([before[None], windows[:-1, -_CONTEXT:]])
        inputs = np.concatenate([context, windows], axis=1).astype(np.float32)
        output, hidden, cell = detector.run(None, {"input": inputs, "h": hidden, "c": cell})
        found.append(np.asarray(output, np.float32).reshape(-1))
        before = windows[-1, -_CONTEXT:]
    return np.concatenate(found) if found else np.zeros(0, np.float32), samples


def speech_spans(
    probabilities: NDArray[np.float32],
    samples: int,
    *,
    threshold: float = 0.5,
    min_speech_s: float = 0.1,
    min_silence_s: float = 0.1,
    pad_s: float = 0.03,
) -> list[tuple[float, float]]:
    """Stretches of speech out of probabilities, by hysteresis as silero's own rule.

    probabilities: shape (T,), one each 512 samples of 16 kHz sound; samples: length of the sound.
    A stretch begins where the probability reaches `threshold`, and ends where it stays under `threshold` - 0.15 for
    `min_silence_s` without reaching `threshold` again.
    Returns (start, end) in seconds, rounded to milliseconds, in order, not overlapping, inside the sound.
    """
    off = max(threshold - 0.15, 0.01)
    rough: list[tuple[int, int]] = []
    start: int | None = None
    quiet: int | None = None
    for window, probability in enumerate(probabilities.tolist()):
        if probability >= threshold:
            start = window if start is None else start
            quiet = None
        elif start is not None and (probability < off or quiet is not None):
            quiet = window if quiet is None else quiet
            if probability < off and (window + 1 - quiet) * WINDOW >= min_silence_s * RATE_HZ:
                rough.append((start * WINDOW, quiet * WINDOW))
                start = quiet = None
    if start is not None:
        rough.append((start * WINDOW, samples if quiet is None else quiet * WINDOW))
    kept = [span for span in rough if span[1] - span[0] >= min_speech_s * RATE_HZ]
    return [(round(a / RATE_HZ, 3), round(b / RATE_HZ, 3)) for a, b in padded(kept, round(pad_s * RATE_HZ), samples)]


def padded(spans: Sequence[tuple[int, int]], pad: int, length: int) -> list[tuple[int, int]]:
    """Spans made longer by `pad` on both sides, at most to the middle of the gap to the next, inside [0, length]."""
    wide: list[tuple[int, int]] = []
    for index, (start, end) in enumerate(spans):
        floor = (spans[index - 1][1] + start) // 2 if index else 0
        ceiling = (end + spans[index + 1][0]) // 2 if index + 1 < len(spans) else length
        wide.append((max(start - pad, floor), max(end, min(end + pad, ceiling))))
    return wide
