"""What was said, and when: Whisper over the stretches with speech."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from extractors import sound, weights, whisper_faster, whisper_openai, whisper_weights
from extractors.languages import english_only, whisper_code
from extractors.recognizer import Heard, Recognizer
from extractors.sound import RATE_HZ, SoundTrack
from extractors.speech_chunks import Chunk, cut_chunks, halves, quietest_sample
from extractors.transcribe import transcript, unheard
from extractors.transcript_checks import is_suspect
from extractors.voice_activity import VoiceActivity
from schemas.errors import MeasurementError
from schemas.step import Needs, Recording, Step
from schemas.transcript import Transcript
from schemas.transcript import VoiceActivity as Voice

_DETECT_FROM = 3
"""Chunks that the language is detected from."""
_GPU_RECORDINGS = 8
# Peaks seen: 750 for tiny, 660 for base (on a CPU); the others by the size of their weights.
_MEMORY_MB = {"tiny": 900, "base": 1000, "small": 2200, "medium": 4000, "large": 6500, "turbo": 4500}


class Speech(Step):
    """Words with times and probabilities, by Whisper (Radford et al. 2022, https://arxiv.org/abs/2212.04356)."""

    key: ClassVar[str] = "transcribe.v3"
    packages: ClassVar[tuple[str, ...]] = ("faster-whisper", "ctranslate2", "openai-whisper")
    reads: ClassVar[tuple[str, ...]] = ("audio", "voice", "language")

    engine: Literal["faster-whisper", "openai-whisper"] = "faster-whisper"
    """faster-whisper is about three times as fast, with the same weights."""
    model: Annotated[str, Field(min_length=1)] = "small"
    """A name that the engine knows, a hub repository (owner/name), or a local folder or file by ./path or /path."""
    revision: str | None = None
    """The hub revision of the model; named models have one of their own."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """cpu computes in int8, cuda in float16; cuda asks the engine for a GPU, auto takes one that is there."""
    language: str | None = None
    """For recordings whose source names none; without it the language is detected."""
    beam_size: Annotated[int, Field(ge=1, le=20)] = 5
    """Readings that are followed at a time."""

    @model_validator(mode="after")
    def _language_fits_model(self) -> Self:
        if self.language is not None:
            code = whisper_code(self.language)
            if english_only(self.model) and code != "en":
                raise ValueError(
                    f"the model {self.model} knows English only, the language is {self.language!r}: "
                    f"name a model of many languages, such as {self.model.removesuffix('.en')}"
                )
        if self.revision is not None and self.engine == "openai-whisper":
            raise ValueError("openai-whisper's models have no revisions: each name is one file")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """The `words` artifact, schemas.transcript.Transcript."""
        return ("words",)

    @property
    def needs(self) -> Needs:
        """One core, or one GPU and several recordings at a time."""
        memory = next((mb for name, mb in _MEMORY_MB.items() if name in Path(self.model).name), _MEMORY_MB["small"])
        if self.engine == "openai-whisper":
            memory *= 2
        if self.device == "cuda":
            return Needs(gpus=1, memory_mb=memory, batch=_GPU_RECORDINGS)
        return Needs(memory_mb=memory)

    def requires(self) -> tuple[Step, ...]:
        """The sound track and the stretches with speech."""
        return (SoundTrack(), VoiceActivity())

    def identity(self) -> dict[str, object]:
        """What it says, whichever folder the model lies in."""
        return weights.by_name(super().identity())

    def weights(self) -> dict[str, str]:
        """The model."""
        if self.engine == "openai-whisper":
            return whisper_weights.openai_pin(self.model)
        return whisper_weights.converted_pin(self.model, self.revision)

    def load(self) -> Recognizer:
        """The model in memory. Raises MissingPart with what to install, or where to put the model."""
        if self.engine == "openai-whisper":
            file = whisper_weights.openai_file(self.model)
            return whisper_openai.load(file, model=self.model, device=self.device, beam_size=self.beam_size)
        folder = whisper_weights.converted_folder(self.model, self.revision)
        return whisper_faster.load(folder, device=self.device, beam_size=self.beam_size)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Recognise chunk by chunk; a recording's sound is never in memory as a whole."""
        if model.mixes:
            self._run(recordings, model)
        else:
            for recording in recordings:
                self._run([recording], model)

    def _run(self, recordings: Sequence[Recording], model: Recognizer) -> None:
        with ExitStack() as files:
            works = [_work(recording, files.enter_context(recording.local("audio"))) for recording in recordings]
            by_language: dict[str, list[_Work]] = defaultdict(list)
            for work in works:
                if work.chunks:
                    _settle_language(work, model, work.recording.source.language or self.language)
                    by_language[work.language or ""].append(work)
            for language, group in by_language.items():
                _recognize_all(group, model, language)
        for work in works:
            work.recording.write("words", _result(work))


@dataclass
class _Work:
    recording: Recording
    audio: Path
    length: int
    spans: list[tuple[float, float]]
    chunks: list[Chunk] = field(default_factory=list)
    language: str | None = None
    language_probability: float | None = None
    encoded: dict[Chunk, Any] = field(default_factory=dict)
    heard: list[tuple[Chunk, Heard]] = field(default_factory=list)

    def quietest(self, first: int, last: int) -> int:
        """The quietest place between two samples."""
        return first + quietest_sample(_sound(self.audio, first, last))


def _work(recording: Recording, audio: Path) -> _Work:
    length = round(sound.length_s(audio) * RATE_HZ)
    spans = [(span.start, span.end) for span in recording.read("voice", Voice).spans]
    work = _Work(recording, audio, length, spans)
    work.chunks = cut_chunks(spans, length, quietest=work.quietest)
    return work


def _settle_language(work: _Work, model: Recognizer, given: str | None) -> None:
    """The given language, else the likeliest over the longest of the first chunks. Raises MeasurementError."""
    if given is not None:
        code = whisper_code(given)
        if code not in model.languages:
            only = "knows English only" if model.languages == {"en"} else f"knows {len(model.languages)} languages"
            raise MeasurementError(
                f"the language is {given!r}, and the speech model, which {only}, does not know it",
                do="name a model of many languages, such as small, or mend the language in the table of sources",
            )
        work.language = code
    elif model.languages == {"en"}:
        work.language = "en"
    else:
        first = work.chunks[: min(_DETECT_FROM, model.batch)]
        work.encoded = dict(zip(first, model.encode([_heard_sound(work, chunk) for chunk in first]), strict=True))
        total: dict[str, float] = defaultdict(float)
        for chunk, table in zip(first, model.detect(list(work.encoded.values())), strict=True):
            for code, probability in table.items():
                total[code] += probability * len(chunk)
        work.language = max(total, key=lambda code: (total[code], code))
        whole = sum(len(chunk) for chunk in first)
        work.language_probability = round(min(total[work.language] / whole, 1.0), 4)


def _recognize_all(works: Sequence[_Work], model: Recognizer, language: str) -> None:
    """Hear all chunks, batch by batch: suspect ones again in halves, and what was left out at their ends."""
    queue = [(work, chunk) for work in works for chunk in work.chunks]
    halved: set[tuple[str, Chunk]] = set()
    while queue:
        batch, queue = queue[: model.batch], queue[model.batch :]
        encoded = _encoded(batch, model)
        texts = model.recognize(encoded, [len(chunk) for _, chunk in batch], language)
        for (work, chunk), heard in zip(batch, texts, strict=True):
            if is_suspect(heard.text, heard.mean_log_probability) and (work.recording.id, chunk) not in halved:
                parts = halves(chunk, work.spans, quietest=work.quietest)
                if len(parts) > 1:
                    queue += [(work, part) for part in parts]
                    halved |= {(work.recording.id, part) for part in parts}
                    continue
            work.heard.append((chunk, heard))
            rest = unheard(chunk, heard, language, work.spans)
            if rest is not None:
                queue.append((work, rest))
                halved.add((work.recording.id, rest))


def _encoded(batch: Sequence[tuple[_Work, Chunk]], model: Recognizer) -> list[Any]:
    missing = [(work, chunk) for work, chunk in batch if chunk not in work.encoded]
    fresh = iter(model.encode([_heard_sound(work, chunk) for work, chunk in missing])) if missing else iter(())
    return [work.encoded.pop(chunk) if chunk in work.encoded else next(fresh) for work, chunk in batch]


def _heard_sound(work: _Work, chunk: Chunk) -> NDArray[np.float32]:
    return np.concatenate([_sound(work.audio, first, last) for first, last in chunk.pieces])


def _sound(audio: Path, first: int, last: int) -> NDArray[np.float32]:
    return sound.samples(audio, first / RATE_HZ, last / RATE_HZ)


def _result(work: _Work) -> Transcript:
    return transcript(
        sorted(work.heard, key=lambda pair: pair[0].pieces),
        spans=work.spans,
        length_ms=work.length * 1000 // RATE_HZ,
        language=work.language,
        language_probability=work.language_probability,
    )
