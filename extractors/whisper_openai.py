"""Whisper by openai-whisper (PyTorch): float32 on a CPU, float16 on a GPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.recognizer import Heard, finished, marked, openings
from extractors.whisper_weights import openai_table
from extractors.word_times import Aligned
from schemas.errors import MissingPart

_SAMPLES_PER_FRAME = 160
_CPU_BATCH, _GPU_BATCH = 4, 16


class OpenaiWhisper:
    """A `Recognizer`. What `encode` gives is the spectrum and the encoder's output."""

    def __init__(self, model: Any, *, beam_size: int) -> None:
        from whisper.tokenizer import LANGUAGES

        self._model = model
        self._beam_size = beam_size
        self.mixes = model.device.type == "cuda"
        self.numbers = "float16" if self.mixes else "float32"
        self.batch = _GPU_BATCH if self.mixes else _CPU_BATCH
        self.languages = frozenset(LANGUAGES) if model.is_multilingual else frozenset({"en"})

    def encode(self, sounds: Sequence[NDArray[np.float32]]) -> list[Any]:
        """(spectrum, encoder output) of each chunk."""
        import torch
        from whisper.audio import log_mel_spectrogram, pad_or_trim

        found: list[Any] = []
        for sound in sounds:
            padded = pad_or_trim(torch.from_numpy(np.ascontiguousarray(sound, np.float32)))
            spectrum = log_mel_spectrogram(padded, self._model.dims.n_mels).to(self._model.device)
            with torch.no_grad():
                found.append((spectrum, self._model.embed_audio(spectrum[None].to(self._dtype))[0]))
        return found

    @property
    def _dtype(self) -> Any:
        import torch

        return torch.float16 if self.mixes else torch.float32

    def detect(self, encoded: Sequence[Any]) -> list[dict[str, float]]:
        """The probability of each language, one table a chunk."""
        import torch
        from whisper.decoding import detect_language

        _, tables = detect_language(self._model, torch.stack([features for _, features in encoded]))
        return list(tables)

    def recognize(self, encoded: Sequence[Any], lengths: Sequence[int], language: str) -> list[Heard]:
        """The words of each chunk."""
        from whisper.timing import find_alignment
        from whisper.tokenizer import get_tokenizer

        tokenizer = get_tokenizer(
            self._model.is_multilingual,
            num_languages=self._model.num_languages,
            language=language,
            task="transcribe",
        )
        heard: list[Heard] = []
        for (spectrum, _), length, text in zip(encoded, lengths, self._decode(encoded, language), strict=True):
            kept, until_s = finished(text.tokens, tokenizer.timestamp_begin)
            tokens = [token for token in kept if token < tokenizer.eot]
            frames = length // _SAMPLES_PER_FRAME if until_s is None else round(until_s * 100)
            timings = find_alignment(self._model, tokenizer, tokens, spectrum.to(self._dtype), max(frames, 2))
            parts = tuple(
                Aligned(
                    text=timing.word,
                    start_s=float(timing.start),
                    end_s=float(timing.end),
                    probability=float(timing.probability),
                    tokens=len(timing.tokens),
                )
                for timing in timings
                if timing.tokens
            )
            opens = openings(kept, tokenizer.timestamp_begin)
            heard.append(Heard(marked(parts, opens), float(text.avg_logprob), float(text.no_speech_prob), until_s))
        return heard

    def _decode(self, encoded: Sequence[Any], language: str) -> list[Any]:
        import torch
        from whisper.decoding import DecodingOptions, decode

        options = DecodingOptions(language=language, beam_size=self._beam_size, fp16=self.mixes)
        return list(decode(self._model, torch.stack([features for _, features in encoded]), options))


def load(file: Path, *, model: str, device: str, beam_size: int) -> OpenaiWhisper:
    """The model in memory, on one thread. `model` names its alignment heads. Raises MissingPart."""
    try:
        import numba
        import torch
        import whisper
    except ImportError as error:
        raise MissingPart(
            "openai-whisper is not installed", do="pip install 'affectloom[speech-openai]', or use faster-whisper"
        ) from error
    gpu = torch.cuda.is_available()
    if device == "cuda" and not gpu:
        raise MissingPart("the recipe asks for device cuda, and no GPU is to be seen here", do="device: auto, or cpu")
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    try:
        loaded = whisper.load_model(str(file), device="cuda" if device != "cpu" and gpu else "cpu")
    except (RuntimeError, OSError, KeyError, TypeError, ValueError) as error:
        raise MissingPart(
            f"the speech model {file} cannot be loaded: {str(error).splitlines()[0]}",
            do="it must be a checkpoint of openai-whisper (.pt)",
        ) from error
    # A file does not say which heads follow the sound; its name does, where it is one of openai-whisper's.
    heads = openai_table("_ALIGNMENT_HEADS").get(model if model in openai_table("_MODELS") else file.stem)
    if heads is not None:
        loaded.set_alignment_heads(heads)
    return OpenaiWhisper(loaded, beam_size=beam_size)
