"""A recording on a plain folder, for testing steps without the store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from schemas.artifact import Artifact, Opened
from schemas.errors import SourceUnavailable
from schemas.source import Source

A = TypeVar("A", bound=Artifact)
F = TypeVar("F", bound=Opened)


class FolderRecording:
    """The Recording protocol on a folder: artifact `kind` is the file `kind.*`; absences are remembered."""

    def __init__(self, folder: Path, media: Path | None = None, source: Source | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.media = media
        self.absences: dict[str, str] = {}
        self.failures: set[str] = set()
        self._source = source or Source(id=folder.name, uri=str(media) if media else None, sha256="0" * 64)

    @property
    def id(self) -> str:
        return self._source.id

    @property
    def source(self) -> Source:
        return self._source

    def _path(self, kind: str) -> Path | None:
        if kind == "media":
            return self.media
        if kind == "subtitles" and self._source.subtitles_uri is not None:
            return Path(self._source.subtitles_uri)
        return next(iter(self.folder.glob(f"{kind}.*")), None)

    def has(self, kind: str) -> bool:
        return self._path(kind) is not None

    def failed(self, kind: str) -> bool:
        return kind in self.failures

    def read(self, kind: str, of: type[A]) -> A:
        path = self._path(kind)
        if path is None:
            raise KeyError(kind)
        return of.from_bytes(path.read_bytes())

    @contextmanager
    def open(self, kind: str, of: type[F]) -> Iterator[F]:
        with self.local(kind) as path, closing(of.open(path)) as opened:
            yield opened

    def write(self, kind: str, value: Artifact) -> None:
        (self.folder / f"{kind}.{value.suffix}").write_bytes(value.to_bytes())

    def absent(self, kind: str, reason: str) -> None:
        self.absences[kind] = reason

    @contextmanager
    def local(self, kind: str) -> Iterator[Path]:
        path = self._path(kind)
        if path is None:
            raise KeyError(kind)
        if not path.is_file():
            raise SourceUnavailable(f"{path} is not there any more", retry=True)
        yield path

    @contextmanager
    def create(self, kind: str, suffix: str) -> Iterator[Path]:
        part = self.folder / f".part.{kind}.{suffix}"
        try:
            yield part
            part.replace(self.folder / f"{kind}.{suffix}")
        finally:
            part.unlink(missing_ok=True)
