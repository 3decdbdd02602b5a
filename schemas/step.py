"""A step: one measurement or transformation of a recording, and what it works on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from schemas.artifact import Artifact, Opened
from schemas.source import Source

A = TypeVar("A", bound=Artifact)
F = TypeVar("F", bound=Opened)


class Recording(Protocol):
    """One recording's folder, as a step sees it."""

    @property
    def id(self) -> str:
        """Names the recording in the store, in failures and in the dataset."""
        ...

    @property
    def source(self) -> Source:
        """Where it comes from."""
        ...

    def has(self, kind: str) -> bool:
        """Whether the artifact is made (False where it is absent or failed)."""
        ...

    def failed(self, kind: str) -> bool:
        """Whether the artifact could not be made, or something before it."""
        ...

    def read(self, kind: str, of: type[A]) -> A:
        """The artifact. Raises KeyError where it is not made."""
        ...

    def open(self, kind: str, of: type[F]) -> AbstractContextManager[F]:
        """The artifact in its file, to be read in parts. Raises KeyError where it is not made."""
        ...

    def write(self, kind: str, value: Artifact) -> None:
        """Make the artifact; readers see all of it or none of it."""
        ...

    def absent(self, kind: str, reason: str) -> None:
        """Say that this recording has no such thing. Not a failure: nothing is imputed, nothing tried again."""
        ...

    def local(self, kind: str) -> AbstractContextManager[Path]:
        """A local file with the artifact's bytes. `media` and `subtitles` are the source's own files."""
        ...

    def create(self, kind: str, suffix: str) -> AbstractContextManager[Path]:
        """A local file to fill; becomes the artifact when the block ends without an error."""
        ...


class Needs(BaseModel):
    """What one worker of a step takes. Knows no engine."""

    model_config = ConfigDict(frozen=True)

    cpus: float = 1
    gpus: float = 0
    memory_mb: int = 1000
    batch: int = 1
    """How many recordings `run` takes at a time, at most."""
    gpu_if_any: float = 0
    """Taken where there is a GPU, besides `gpus`; done without where there is none."""
    gpu_batch: int | None = None
    """`batch` where that is taken."""

    def where(self, gpus: float) -> "Needs":
        """What is taken on a machine, or a cluster, with so many GPUs: nothing is left open."""
        if not self.gpu_if_any or not gpus:
            return self.model_copy(update={"gpu_if_any": 0.0, "gpu_batch": None})
        return self.model_copy(
            update={
                "gpus": self.gpus + self.gpu_if_any,
                "batch": self.gpu_batch or self.batch,
                "gpu_if_any": 0.0,
                "gpu_batch": None,
            }
        )


class Step(BaseModel, ABC):
    """One measurement or transformation. Its fields are its whole configuration.

    A step is small and picklable; what is heavy is made by `load`, once in each worker process, and handed to
    `run`. `reads` must be there (made), else the step does not run; `uses` is read where it is there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    key: ClassVar[str]
    """Such as `transcribe.faster-whisper.v1`: a new meaning is a new version."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Artifact kinds. Also the roots `media`, `language`, `text`, `subtitles`: facts of the source."""
    uses: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version bears on the numbers. Recorded with the run and in the card; a new version of one
    does not by itself make anything anew."""

    @property
    @abstractmethod
    def makes(self) -> tuple[str, ...]:
        """The kinds of artifact it makes, or marks absent, for every recording that it is run on."""

    @property
    def track_columns(self) -> dict[str, tuple[str, ...]]:
        """Those of `makes` that are tracks (or `faces`), with their columns: they become columns of the samples.

        An empty tuple stands for an embedding, whose columns have no meaning one by one. A step that makes one track
        may as well say `columns`.
        """
        columns: Sequence[str] | None = getattr(self, "columns", None)
        return {} if columns is None else {self.makes[0]: tuple(columns)}

    @property
    def needs(self) -> Needs:
        """What a worker takes."""
        return Needs()

    def requires(self) -> tuple["Step", ...]:
        """Steps that make what this one reads, as this one wants them; and steps that go with it."""
        return ()

    def weights(self) -> dict[str, str]:
        """Model files it depends on: name to SHA-256 (or a pinned revision). Starts no download."""
        return {}

    def load(self) -> Any:
        """The model, once in each worker process. Heavy imports belong here. Raises MissingPart."""
        return None

    @abstractmethod
    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Make the artifacts of a batch. An error raised for a batch of several has it tried one by one."""

    def identity(self) -> dict[str, object]:
        """What its artifacts depend on besides what it reads. JSON-able."""
        return {"key": self.key, "fields": self.model_dump(mode="json"), "weights": self.weights()}
