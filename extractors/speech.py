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
from extractors.speech_chunks import Chunk, cut_chunks, half, quietest_sample, windows
from extractors.transcribe import transcript, unheard
from extractors.transcript_checks import is_suspect
from extractors.voice_activity import VoiceActivity
from schemas.errors import MeasurementError
from schemas.step import Needs, Recording, Step
from schemas.transcript import Transcript
from schemas.transcript import VoiceActivity as Voice

_DETECT_FROM = 3
"""Windows that the language is detected from."""
_LANE_S = 300.0
"""A recording is heard window after window, and each begins where the model left off; so many seconds apart it is cut
at a good silence, so that several windows of one recording can be heard at a time."""
_GPU_RECORDINGS = 16
# Peaks seen: 750 for tiny, 660 for base (on a CPU); the others by the size of their weights.
_MEMORY_MB = {"tiny": 900, "base": 1000, "small": 2200, "medium": 4000, "large": 6500, "turbo": 4500}


class Speech(Step):
    """Words with times and probabilities, by Whisper (Radford et al. 2022, https://arxiv.org/abs/2212.04356)."""

    key: ClassVar[str] = "transcribe.v4"
    packages: ClassVar[tuple[str, ...]] = ("faster-whisper", "ctranslate2", "openai-whisper")
    reads: ClassVar[tuple[str, ...]] = ("audio", "voice", "language")

    engine: Literal["faster-whisper", "openai-whisper"] = "faster-whisper"
    """faster-whisper is about three times as fast, with the same weights."""
    model: Annotated[str, Field(min_length=1)] = "small"
    """A name that the engine knows, a hub repository (owner/name), or a local folder or file by ./path or /path."""
    revision: str | None = None
    """The hub revision of the model; named models have one of their own."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """cpu computes in int8, cuda in float16 on a GPU that the engine is asked for; auto takes one if there is any."""
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
        if self.device == "auto":
            return Needs(memory_mb=memory, gpu_if_any=1, gpu_batch=_GPU_RECORDINGS)
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
                if work.lanes:
                    _settle_language(work, model, work.recording.source.language or self.language)
                    by_language[work.language or ""].append(work)
            for language, group in by_language.items():
                _recognize_all(group, model, language)
        for work in works:
            work.recording.write("words", _result(work, model.numbers))


@dataclass
class _Work:
    recording: Recording
    audio: Path
    length: int
    spans: list[tuple[float, float]]
    lanes: list["_Lane"] = field(default_factory=list)
    language: str | None = None
    language_probability: float | None = None
    encoded: dict[Chunk, Any] = field(default_factory=dict)
    heard: list[tuple[Chunk, Heard]] = field(default_factory=list)

    def quietest(self, first: int, last: int) -> int:
        """The quietest place between two samples."""
        return first + quietest_sample(_sound(self.audio, first, last))


@dataclass
class _Lane:
    """A stretch of a recording, heard window by window."""

    work: _Work
    left: Chunk | None
    """What is still to be heard."""
    half: Chunk | None = None
    """The next window, where a longer one was suspect."""
    bound_s: float | None = None
    """The end of a suspect window, which the next ones do not pass."""

    def window(self) -> Chunk | None:
        """What to hear next; None where nobody speaks any more."""
        if self.half is not None or self.left is None:
            return self.half
        bounded = None if self.bound_s is None else self.left.earlier_than(self.bound_s)
        found = windows(bounded, self.work.spans, quietest=self.work.quietest) if bounded is not None else []
        if not found:
            self.bound_s = None
            found = windows(self.left, self.work.spans, quietest=self.work.quietest)
        return found[0] if found else None

    def go_on(self, window: Chunk, rest: Chunk | None) -> None:
        """After a window that was heard but for the rest."""
        self.half = None
        self.left = self.left and self.left.later_than(window.end_s if rest is None else rest.start_s)


def _work(recording: Recording, audio: Path) -> _Work:
    length = round(sound.length_s(audio) * RATE_HZ)
    spans = [(span.start, span.end) for span in recording.read("voice", Voice).spans]
    work = _Work(recording, audio, length, spans)
    lanes = cut_chunks(spans, length, quietest=work.quietest, longest_s=_LANE_S)
    work.lanes = [_Lane(work, lane) for lane in lanes]
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
        lane = work.lanes[0]
        first = windows(lane.left, work.spans, quietest=work.quietest)[:_DETECT_FROM] if lane.left else []
        work.encoded = dict(zip(first, model.encode([_heard_sound(work, chunk) for chunk in first]), strict=True))
        total: dict[str, float] = defaultdict(float)
        for chunk, table in zip(first, model.detect(list(work.encoded.values())), strict=True):
            for code, probability in table.items():
                total[code] += probability * len(chunk)
        work.language = max(total, key=lambda code: (total[code], code))
        whole = sum(len(chunk) for chunk in first)
        work.language_probability = round(min(total[work.language] / whole, 1.0), 4)


def _recognize_all(works: Sequence[_Work], model: Recognizer, language: str) -> None:
    """Hear all lanes, several at a time: suspect windows again in halves, and what was left out with the next one."""
    lanes = [lane for work in works for lane in work.lanes]
    while lanes:
        batch = [(lane, window) for lane in lanes[: model.batch] if (window := lane.window()) is not None]
        chunks = [(lane.work, window) for lane, window in batch]
        texts = (
            model.recognize(_encoded(chunks, model), [len(window) for _, window in chunks], language) if chunks else []
        )
        for (lane, window), heard in zip(batch, texts, strict=True):
            work = lane.work
            if lane.bound_s is None and is_suspect(heard.text, heard.mean_log_probability):
                lane.half = half(window, work.spans, quietest=work.quietest)
                if lane.half is not None:
                    lane.bound_s = window.end_s
                    continue
            work.heard.append((window, heard))
            lane.go_on(window, unheard(window, heard, language, work.spans))
        heard_on = {id(lane) for lane, _ in batch}
        lanes = [lane for lane in lanes[: model.batch] if id(lane) in heard_on] + lanes[model.batch :]


def _encoded(batch: Sequence[tuple[_Work, Chunk]], model: Recognizer) -> list[Any]:
    missing = [(work, chunk) for work, chunk in batch if chunk not in work.encoded]
    fresh = iter(model.encode([_heard_sound(work, chunk) for work, chunk in missing])) if missing else iter(())
    return [work.encoded.pop(chunk) if chunk in work.encoded else next(fresh) for work, chunk in batch]


def _heard_sound(work: _Work, chunk: Chunk) -> NDArray[np.float32]:
    return np.concatenate([_sound(work.audio, first, last) for first, last in chunk.pieces])


def _sound(audio: Path, first: int, last: int) -> NDArray[np.float32]:
    return sound.samples(audio, first / RATE_HZ, last / RATE_HZ)


def _result(work: _Work, numbers: str) -> Transcript:
    found = transcript(
        sorted(work.heard, key=lambda pair: pair[0].pieces),
        spans=work.spans,
        length_ms=work.length * 1000 // RATE_HZ,
        language=work.language,
        language_probability=work.language_probability,
    )
    return found.model_copy(update={"numbers": numbers})
