"""What a step leaves in a recording's folder, as bytes."""

from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable


@runtime_checkable
class Artifact(Protocol):
    """A value that knows its own bytes. Equal values give equal bytes."""

    suffix: ClassVar[str]

    def to_bytes(self) -> bytes:
        """The whole value, to be written to one file."""
        ...

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The value of bytes that `to_bytes` made. Raises ValueError on anything else."""
        ...


class Opened(Protocol):
    """An artifact of which parts are read from its file, so that memory does not grow with the recording."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """The artifact in a file. Raises Damaged."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Damaged(ValueError):
    """A file does not hold what it should."""
