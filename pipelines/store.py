"""The store: a folder for each recording, on any file system that fsspec knows.

    STORE/recordings/ID/source.json                        where it comes from
    STORE/recordings/ID/prosody.0123456789abcdef.track.parquet   an artifact: kind, fingerprint, type
    STORE/recordings/ID/faces.0123456789abcdef.absent.json       the recording has no such thing
    STORE/recordings/ID/words.0123456789abcdef.failed.json       it could not be made, and why

The name says it all: whether a thing is done is whether its file exists.
"""

import errno
import itertools
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
from fsspec.implementations.local import LocalFileSystem

from schemas.errors import StoreError
from schemas.source import Source

if TYPE_CHECKING:
    from pipelines.lineage import Lineage
    from pipelines.recording import StoredRecording

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_WHOLE_OR_NOTHING = frozenset({"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "hf", "oss"})
"""File systems whose single write is seen whole or not at all; on others a rename makes it so."""
_serial = itertools.count()


def is_id(text: str) -> bool:
    """Whether a text may name a recording: it becomes a folder, so nothing that could leave the store."""
    return bool(_ID.fullmatch(text))


class Store:
    """Recordings under one URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise StoreError(
                f"the store {url} cannot be opened: {error}", do="give a folder or an fsspec URL"
            ) from error
        self.is_local = isinstance(self.fs, LocalFileSystem)
        self.protocol = str(self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0])
        self._is_s3 = self.protocol in ("s3", "s3a")

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what this one writes."""
        return self.protocol != "memory"

    def prepare(self) -> None:
        """Make the store's folder and try to write there. Raises StoreError."""
        if self._is_s3:
            self._make(f"{self.root}/recordings")
        self.write(f"{self.root}/recordings/.writable", b"")

    def folder(self, recording_id: str) -> str:
        """The recording's folder. Raises StoreError for what cannot be an id."""
        if not is_id(recording_id):
            raise StoreError(f"{recording_id!r} cannot name a recording", do="letters, digits, '.', '_', '-' only")
        return f"{self.root}/recordings/{recording_id}"

    def open(self, recording_id: str, lineage: "Lineage") -> "StoredRecording":
        """The recording as it is now. One listing and one small read."""
        from pipelines.recording import StoredRecording

        return StoredRecording(self, recording_id, lineage)

    def source(self, recording_id: str) -> Source | None:
        """What `source.json` says; None where the recording is not there or the file is damaged."""
        data = self.read_or_none(f"{self.folder(recording_id)}/source.json")
        try:
            return Source.from_bytes(data) if data is not None else None
        except ValueError:
            return None

    def listing(self, folder: str) -> list[str]:
        """Names of the files in a folder; empty where there is none."""
        try:
            if self.is_local:
                return os.listdir(folder)  # noqa: PTH208 - names only, and many of them
            self.fs.invalidate_cache(folder)  # other workers write there too
            return [str(path).rsplit("/", 1)[-1] for path in self.fs.ls(folder, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _refused("read", folder, error) from error

    def files(self, folder: str) -> list[str]:
        """The same for a folder that holds no folders, which need not be there: as a recording's.

        s3fs, asked for what is in a folder that is not there, lists all that is beside it: the whole store.
        """
        if not self._is_s3:
            return self.listing(folder)
        try:
            return [str(path).rsplit("/", 1)[-1] for path in self.fs.find(folder) if str(path) != folder]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _refused("read", folder, error) from error

    def read_or_none(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        try:
            if self.is_local:
                return Path(path).read_bytes()
            # s3fs asks for the size first where it may read several parts at a time.
            return bytes(self.fs.cat_file(path, **({"max_concurrency": 1} if self._is_s3 else {})))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused("read", path, error) from error

    def write(self, path: str, data: bytes) -> None:
        """Write a file that readers see whole or not at all. Raises StoreError."""
        with self.placing(path) as part:
            part.write_bytes(data)

    @contextmanager
    def placing(self, path: str) -> Iterator[Path]:
        """A local file to fill, which becomes `path` when the block ends without an error."""
        folder, name = path.rsplit("/", 1)
        if not self._is_s3:  # which has no folders: asking for one is a request for nothing
            self._make(folder)
        try:
            if self.is_local:
                part = Path(folder) / f".part-{socket.gethostname()}-{os.getpid()}-{next(_serial)}.{name}"
            else:
                part = Path(tempfile.mkdtemp(prefix="affectloom-")) / name
        except OSError as error:
            raise _refused("write", folder, error) from error
        try:
            yield part
            self._place(part, path)
        except OSError as error:
            if error.errno in _STORE_FAULTS:
                raise _refused("write", path, error) from error
            raise
        finally:
            with suppress(OSError):  # a disk that takes nothing lets nothing go either: why, is said already
                part.unlink(missing_ok=True)
            if not self.is_local:
                shutil.rmtree(part.parent, ignore_errors=True)

    def _make(self, folder: str) -> None:
        try:
            self.fs.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise _refused("write", folder, error) from error

    def _place(self, part: Path, path: str) -> None:
        if self.is_local:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
            return
        if self.protocol in _WHOLE_OR_NOTHING:
            self.fs.put_file(str(part), path)
        else:
            self.fs.put_file(str(part), f"{path}.part")
            self.fs.mv(f"{path}.part", path)

    @contextmanager
    def workspace(self, folder: str) -> Iterator[Path]:
        """An empty local folder beside what is to be placed in `folder`, gone afterwards."""
        if not self.is_local:
            with tempfile.TemporaryDirectory(prefix="affectloom-") as made:
                yield Path(made)
            return
        part = Path(folder) / f".part-{socket.gethostname()}-{os.getpid()}-{next(_serial)}.work"
        try:
            part.mkdir(parents=True)
        except OSError as error:
            raise _refused("write", folder, error) from error
        try:
            yield part
        except OSError as error:
            if error.errno in _STORE_FAULTS:
                raise _refused("write", folder, error) from error
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def sweep(self, recording_id: str) -> None:
        """Remove half-written files and half-done downloads that dead processes of this machine left of a recording."""
        self.sweep_folder(self.folder(recording_id))

    def sweep_folder(self, folder: str) -> None:
        """The same for any folder of the store; nothing that lies deeper is looked at."""
        if not self.is_local:
            return
        mine = f".part-{socket.gethostname()}-"
        for name in self.listing(folder):
            if name.startswith(mine):
                pid = name[len(mine) :].split("-", 1)[0]
                if pid.isdigit() and not alive(int(pid)):
                    with suppress(OSError):
                        remove(Path(folder, name))


_STORE_FAULTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EFBIG}
)


def _refused(verb: str, path: str, error: OSError) -> StoreError:
    what = f"the store cannot be {'written' if verb == 'write' else 'read'}: {path}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        do = "make room and run the same command again: what is made is kept, the run goes on where it stopped"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        do = "give another --store, or the right to write there; what is made is kept"
    else:
        do = "check the path given with --store"
    return StoreError(what, do=do)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all it holds, if it is there. What a link points to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:  # it has gone just now, or there is no /proc here
        return not Path("/proc/self/stat").exists()
