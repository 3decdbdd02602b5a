"""Whisper by CTranslate2 (faster-whisper): int8 on a CPU, float16 on a GPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.recognizer import Heard, finished, marked, openings
from extractors.word_times import Aligned
from schemas.errors import MissingPart

_WINDOW_SAMPLES = 480_000
_SAMPLES_PER_FRAME = 160
_MAX_TOKENS = 224
# No script takes more than 40 tokens a second of speech; a model that runs on beyond that is in a loop.
_TOKENS_PER_S, _TOKENS_SPARE = 40, 32
_AGAINST_LOOPS = 1.1
_FIRST_WITHIN = 50
# On a CPU a chunk in decoding takes about as many bytes as the weights do, and larger models gain less from a batch.
_CPU_BATCH, _CPU_BATCH_BYTES = 8, 1_000_000_000
_GPU_BATCH = 16
CPU_NUMBERS, GPU_NUMBERS = "int8", "float16"


class FasterWhisper:
    """A `Recognizer`. Decodes several chunks at a time; on a CPU those of one recording only."""

    def __init__(self, model: Any, *, beam_size: int, weights_bytes: int) -> None:
        self._model = model
        self._beam_size = beam_size
        self.mixes = model.model.device == "cuda"
        on_cpu = max(min(_CPU_BATCH_BYTES // max(weights_bytes, 1), _CPU_BATCH), 1)
        self.numbers = GPU_NUMBERS if self.mixes else CPU_NUMBERS
        self.batch = _GPU_BATCH if self.mixes else on_cpu
        self.languages = frozenset(model.supported_languages)

    def encode(self, sounds: Sequence[NDArray[np.float32]]) -> list[Any]:
        """Encoder outputs, float[1, 1500, D] each."""
        import ctranslate2

        spectra = [self._spectrum(sound) for sound in sounds]
        # A CPU gains nothing from a batch here, and would need the memory for all of it.
        batches = [np.stack(spectra)] if self.mixes else [spectrum[None] for spectrum in spectra]
        found: list[Any] = []
        for batch in batches:
            storage = ctranslate2.StorageView.from_array(np.ascontiguousarray(batch))
            output = np.array(self._model.model.encode(storage, to_cpu=True))
            found += [output[index : index + 1] for index in range(len(output))]
        return found

    def _spectrum(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-Mel float32[bands, 3000] of the chunk, zeros after it."""
        spectrum = self._model.feature_extractor(sound[:_WINDOW_SAMPLES])[:, :-1].astype(np.float32)
        full = _WINDOW_SAMPLES // _SAMPLES_PER_FRAME
        # Filled up as faster-whisper does it; true silence was no better, and costs the spectrum of 30 s.
        filled: NDArray[np.float32] = np.pad(spectrum[:, :full], ((0, 0), (0, max(full - spectrum.shape[1], 0))))
        return filled

    def detect(self, encoded: Sequence[Any]) -> list[dict[str, float]]:
        """The probability of each language, one table a chunk."""
        tables = self._model.model.detect_language(_joined(encoded))
        return [{token[2:-2]: float(probability) for token, probability in table} for table in tables]

    def recognize(self, encoded: Sequence[Any], lengths: Sequence[int], language: str) -> list[Heard]:
        """The words of each chunk."""
        tokenizer = self._tokenizer(language)
        texts = self._decode(encoded, lengths, tokenizer)
        spoken = [index for index, text in enumerate(texts) if text.tokens]
        parts: dict[int, tuple[Aligned, ...]] = {}
        if spoken:
            aligned = self._model.find_alignment(
                tokenizer,
                [texts[index].tokens for index in spoken],
                _joined([encoded[index] for index in spoken]),
                [_frames(lengths[index], texts[index]) for index in spoken],
            )
            parts = {
                index: marked(_parts(words), texts[index].opens) for index, words in zip(spoken, aligned, strict=True)
            }
        return [
            Heard(parts.get(index, ()), text.mean_log_probability, text.no_speech_probability, text.until_s)
            for index, text in enumerate(texts)
        ]

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
        )

    def _decode(self, encoded: Sequence[Any], lengths: Sequence[int], tokenizer: Any) -> list["_Text"]:
        """Decoded chunks; one that ran on to the limit is decoded again, and words it has had are made less likely.

        The penalty on words that were there before is that of Keskar et al. (2019), https://arxiv.org/abs/1909.05858.
        What was said again and again comes to its end by itself, and is not touched.
        """
        texts = self._generate(encoded, lengths, tokenizer)
        return [
            self._generate([one], [length], tokenizer, penalty=_AGAINST_LOOPS)[0] if text.endless else text
            for one, length, text in zip(encoded, lengths, texts, strict=True)
        ]

    def _generate(
        self, encoded: Sequence[Any], lengths: Sequence[int], tokenizer: Any, *, penalty: float = 1.0
    ) -> list["_Text"]:
        longest = max(lengths) / _WINDOW_SAMPLES * 30
        most = min(round(longest * _TOKENS_PER_S) + _TOKENS_SPARE, _MAX_TOKENS)
        from faster_whisper.transcribe import get_suppressed_tokens

        results = self._model.model.generate(
            _joined(encoded),
            [list(tokenizer.sot_sequence)] * len(encoded),
            beam_size=self._beam_size,
            max_length=2 * most,  # CTranslate2 gives half of it to the text, as Whisper does with its 448.
            max_initial_timestamp_index=_FIRST_WITHIN,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            return_scores=True,
            return_no_speech_prob=True,
            repetition_penalty=penalty,
        )
        return [_Text(result, tokenizer, most) for result in results]


class _Text:
    """One decoded chunk."""

    def __init__(self, result: Any, tokenizer: Any, most: int) -> None:
        tokens = result.sequences_ids[0]
        self.endless = len(tokens) >= most
        kept, self.until_s = finished(tokens, tokenizer.timestamp_begin)
        self.opens = openings(kept, tokenizer.timestamp_begin)
        self.tokens = [token for token in kept if token < tokenizer.eot]
        # The score is the sum of log probabilities over the length; Whisper's mean counts the end token too.
        self.mean_log_probability = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
        self.no_speech_probability = float(result.no_speech_prob)


def _frames(length: int, text: _Text) -> int:
    """Spectrum frames that hold the words: up to the last one's end, where the model says it."""
    end_s = length / _SAMPLES_PER_FRAME if text.until_s is None else text.until_s * 100
    return max(round(min(end_s, length / _SAMPLES_PER_FRAME)), 2)


def _joined(encoded: Sequence[Any]) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.concatenate(encoded))


def _parts(words: Sequence[dict[str, Any]]) -> tuple[Aligned, ...]:
    return tuple(
        Aligned(
            text=word["word"],
            start_s=float(word["start"]),
            end_s=float(word["end"]),
            probability=float(word["probability"]),
            tokens=len(word["tokens"]),
        )
        for word in words
        if len(word["tokens"])
    )


def load(folder: Path, *, device: str, beam_size: int) -> FasterWhisper:
    """The model in memory, on one thread. Raises MissingPart."""
    try:
        import ctranslate2
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise MissingPart(
            "speech needs faster-whisper, which is not installed", do="pip install 'affectloom[speech]'"
        ) from error
    gpus = ctranslate2.get_cuda_device_count()
    if device == "cuda" and not gpus:
        raise MissingPart("the recipe asks for device cuda, and no GPU is to be seen here", do="device: auto, or cpu")
    on_gpu = device != "cpu" and gpus > 0
    try:
        model = WhisperModel(
            str(folder),
            device="cuda" if on_gpu else "cpu",
            compute_type=GPU_NUMBERS if on_gpu else CPU_NUMBERS,
            cpu_threads=1,
            num_workers=1,
            local_files_only=True,
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise MissingPart(
            f"the speech model in {folder} cannot be loaded: {str(error).splitlines()[0]}",
            do="it must be a Whisper model converted for CTranslate2: model.bin, config.json, tokenizer.json",
        ) from error
    return FasterWhisper(model, beam_size=beam_size, weights_bytes=(folder / "model.bin").stat().st_size)
