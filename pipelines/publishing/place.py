"""A folder or an fsspec URL as workers see it: finished shards wait beside it, and those published before are there."""

import errno
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from schemas.errors import StoreError

_CHUNK = 2**20


@dataclass(frozen=True)
class ShardFile:
    """One finished file. kept: `name` is its path in the dataset as it was published before; else it waits."""

    name: str
    rows: int
    bytes: int
    sha256: str
    kept: bool = False


class Place:
    """Where a dataset is published. Picklable: workers write to it what the driver then makes visible.

    Attributes:
        out: as the person gave it.
        path: of the dataset's folder, on the file system `fs`.
        waiting: the folder of what is finished and not yet published.
    """

    def __init__(self, out: str) -> None:
        self.out = out
        self.is_local = "://" not in out or out.startswith("file://")
        url = str(Path(out.removeprefix("file://")).absolute()) if self.is_local else out.rstrip("/")
        try:
            self.fs, self.path = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise StoreError(f"{out} cannot be opened: {error}", do="give a folder or an fsspec URL") from error
        self.is_local = isinstance(self.fs, LocalFileSystem)
        parent, _, name = self.path.rpartition("/")
        self.waiting = f"{parent}/.{name}.part"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.out,)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what this one writes."""
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        return protocol != "memory"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say in our words that the place cannot be written."""
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.out} cannot be written: {error.strerror or error}",
                do="what was published there before is unchanged; make room, or name another folder with --out. "
                f"Shards that were finished wait in {self.waiting}: publishing again goes on from there",
            ) from error

    @contextmanager
    def working(self) -> Iterator[Path]:
        """A local folder for files that are not finished, on the place's own disk where it is local."""
        parent = self.waiting if self.is_local else None
        prefix = f".work-{socket.gethostname()}-{os.getpid()}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def take(self, path: Path, name: str) -> None:
        """Take over a finished local file: it waits under that name, whole or not at all."""
        if self.is_local:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(f"{self.waiting}/{name}")
        else:
            self.fs.makedirs(self.waiting, exist_ok=True)
            self.fs.put_file(str(path), f"{self.waiting}/{name}")
            path.unlink()

    def path_of(self, file: ShardFile) -> str:
        """Where the file is now."""
        return f"{self.path if file.kept else self.waiting}/{file.name}"

    def is_whole(self, file: ShardFile) -> bool:
        """Whether the file is there with the bytes that it had when it was made."""
        path = self.path_of(file)
        self.fs.invalidate_cache(path.rpartition("/")[0])
        try:
            if self.fs.size(path) != file.bytes:
                return False
            digest = hashlib.sha256()
            with self.fs.open(path, "rb") as opened:
                while data := opened.read(_CHUNK):
                    digest.update(data)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.EIO:  # a disk that cannot read it back
                return False
            raise
        return digest.hexdigest() == file.sha256

    def note(self, digest: str, files: tuple[ShardFile, ...]) -> None:
        """Remember that a unit's files wait, should this run be stopped."""
        with self.working() as folder:
            path = folder / "note.json"
            path.write_text(json.dumps([asdict(file) for file in files]), encoding="utf-8")
            self.take(path, f"{digest}.json")

    def noted(self, digest: str) -> tuple[ShardFile, ...] | None:
        """The files of a unit that wait, whole, since an earlier run."""
        try:
            told: Any = json.loads(self.fs.cat_file(f"{self.waiting}/{digest}.json"))
            files = tuple(ShardFile(**one) for one in told)
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return files if all(self.is_whole(file) for file in files) else None

    def also_at(self, source: str, target: str) -> None:
        """Have a file's bytes under another path too; by a link where the disk can, so that no room is needed."""
        if self.is_local:
            try:
                os.link(source, target)
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                    raise
                shutil.copyfile(source, target)
            return
        try:
            self.fs.cp_file(source, target)
        except NotImplementedError:
            with self.fs.open(source, "rb") as ours, self.fs.open(target, "wb") as theirs:
                shutil.copyfileobj(ours, theirs, _CHUNK)
