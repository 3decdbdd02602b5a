"""The store: a folder for each recording, on any file system that fsspec knows.

    STORE/recordings/ID/source.json                        where it comes from
    STORE/recordings/ID/prosody.0123456789abcdef.track.parquet   an artifact: kind, fingerprint, type
    STORE/recordings/ID/faces.0123456789abcdef.absent.json       the recording has no such thing
    STORE/recordings/ID/words.0123456789abcdef.failed.json       it could not be made, and why

The name says it all: whether a thing is done is whether its file exists.
"""

import errno
import itertools
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from pipelines.lineage import ROOTS, Lineage, root
from schemas.artifact import Artifact
from schemas.errors import SourceUnavailable, StoreError
from schemas.failure import Failure
from schemas.source import Source

A = TypeVar("A", bound=Artifact)
State = Literal["made", "absent", "failed", "blocked", "todo"]

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

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what this one writes."""
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        return protocol != "memory"

    def prepare(self) -> None:
        """Make the store's folder and try to write there. Raises StoreError."""
        self.write(f"{self.root}/recordings/.writable", b"")

    def folder(self, recording_id: str) -> str:
        """The recording's folder. Raises StoreError for what cannot be an id."""
        if not is_id(recording_id):
            raise StoreError(f"{recording_id!r} cannot name a recording", do="letters, digits, '.', '_', '-' only")
        return f"{self.root}/recordings/{recording_id}"

    def open(self, recording_id: str, lineage: Lineage) -> "StoredRecording":
        """The recording as it is now. One listing and one small read."""
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
            return [str(path).rsplit("/", 1)[-1] for path in self.fs.ls(folder, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _refused("read", folder, error) from error

    def read_or_none(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        try:
            if self.is_local:
                return Path(path).read_bytes()
            return bytes(self.fs.cat_file(path))
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
        try:
            self.fs.makedirs(folder, exist_ok=True)
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
            part.unlink(missing_ok=True)
            if not self.is_local:
                shutil.rmtree(part.parent, ignore_errors=True)

    def _place(self, part: Path, path: str) -> None:
        if self.is_local:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
            return
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        if protocol in _WHOLE_OR_NOTHING:
            self.fs.put_file(str(part), path)
        else:
            self.fs.put_file(str(part), f"{path}.part")
            self.fs.mv(f"{path}.part", path)

    def sweep(self, recording_id: str) -> None:
        """Remove half-written files that dead processes of this machine left in a recording's folder."""
        if not self.is_local:
            return
        folder = self.folder(recording_id)
        mine = f".part-{socket.gethostname()}-"
        for name in self.listing(folder):
            if name.startswith(mine):
                pid = name[len(mine) :].split("-", 1)[0]
                if pid.isdigit() and not _alive(int(pid)):
                    Path(folder, name).unlink(missing_ok=True)


_STORE_FAULTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOTDIR}
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


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class StoredRecording:
    """One recording's folder, read and written under the fingerprints of a recipe's steps."""

    def __init__(self, store: Store, recording_id: str, lineage: Lineage) -> None:
        self._store = store
        self._folder = store.folder(recording_id)
        self.lineage = lineage
        self.id = recording_id
        self.refresh()

    def refresh(self) -> None:
        """Look at the folder again."""
        self._source: Source | None = None
        self._files: dict[tuple[str, str], str] = {}
        self._prints: dict[str, str] = {}
        self._settled: dict[str, State] = {}
        for name in self._store.listing(self._folder):
            self._note(name)

    def _note(self, name: str) -> None:
        parts = name.split(".", 2)
        if len(parts) == 3 and not name.startswith("."):  # noqa: PLR2004 - kind, fingerprint, rest
            self._files[parts[0], parts[1]] = name

    @property
    def source(self) -> Source:
        """Where it comes from. Raises StoreError where nobody acquired it."""
        if self._source is None:
            self._source = self._store.source(self.id)
        if self._source is None:
            raise StoreError(f"{self.id} is not in the store {self._store.url}", do="build the recipe first")
        return self._source

    @property
    def acquired(self) -> bool:
        """Whether the source is there."""
        if self._source is None:
            self._source = self._store.source(self.id)
        return self._source is not None

    @property
    def source_failure(self) -> Failure | None:
        """Why the source could not be had, the last time it was tried."""
        data = self._store.read_or_none(f"{self._folder}/source.failed.json")
        return Failure.from_bytes(data) if data else None

    def write_source(self, source: Source) -> None:
        """Keep where it comes from, and forget an earlier failure to get it."""
        self._store.write(f"{self._folder}/source.json", source.to_bytes())
        if self._store.read_or_none(f"{self._folder}/source.failed.json") is not None:
            self._store.fs.rm_file(f"{self._folder}/source.failed.json")
        self._source = source
        self._prints.clear()
        self._settled.clear()

    def write_source_failure(self, failure: Failure) -> None:
        """Keep why the source could not be had."""
        self._store.write(f"{self._folder}/source.failed.json", failure.to_bytes())

    def fingerprint(self, kind: str) -> str:
        """Of one artifact. Right only once everything it reads is settled."""
        if kind not in self._prints:
            self._prints[kind] = (
                root(self.source, kind)
                if kind in ROOTS
                else self.lineage.fingerprint(kind, self.fingerprint, self._has_failed)
            )
        return self._prints[kind]

    def _has_failed(self, kind: str) -> bool:
        return self.state(kind) in ("failed", "blocked")

    def state(self, kind: str) -> State:
        """Made, absent, failed, blocked by a failure before it, or still to be done."""
        if kind in ROOTS:
            return "made"
        known = self._settled.get(kind)
        if known is None:
            known = self._look(kind)
            if known != "todo":
                self._settled[kind] = known
        return known

    def _look(self, kind: str) -> State:
        step = self.lineage.maker[kind]
        states = [self.state(name) for name in step.reads if name != kind]
        if "failed" in states or "blocked" in states:
            return "blocked"
        used = self.lineage.inputs(step)[len(step.reads) :]
        if "todo" in states or any(self.state(name) == "todo" for name in used):
            return "todo"
        if "absent" in states:
            return "absent"
        name = self._files.get((kind, self.fingerprint(kind)))
        if name is None:
            return "todo"
        return "absent" if name.endswith(".absent.json") else "failed" if name.endswith(".failed.json") else "made"

    def has(self, kind: str) -> bool:
        """Whether it is made."""
        return kind in self.lineage.maker and self.state(kind) == "made"

    def _path(self, kind: str) -> str:
        if self.state(kind) != "made":
            raise KeyError(f"{self.id} has no {kind}")
        return f"{self._folder}/{self._files[kind, self.fingerprint(kind)]}"

    def read(self, kind: str, of: type[A]) -> A:
        """The artifact. A file that is damaged is removed, so that the next run makes it again."""
        path = self._path(kind)
        data = self._store.read_or_none(path)
        if data is None:
            raise KeyError(f"{self.id} has no {kind}")
        try:
            return of.from_bytes(data)
        except ValueError as error:
            self._forget(kind)
            raise StoreError(
                f"{path} is damaged ({error}); it has been removed", do="run the same command again to make it anew"
            ) from error

    def _forget(self, kind: str) -> None:
        name = self._files.pop((kind, self.fingerprint(kind)), None)
        self._settled.clear()
        if name is not None:
            self._store.fs.rm_file(f"{self._folder}/{name}")

    def write(self, kind: str, value: Artifact) -> None:
        """Make the artifact."""
        self._write(kind, value.suffix, value.to_bytes())

    def _write(self, kind: str, suffix: str, data: bytes) -> None:
        name = f"{kind}.{self.fingerprint(kind)}.{suffix}"
        self._store.write(f"{self._folder}/{name}", data)
        self._note(name)

    def absent(self, kind: str, reason: str) -> None:
        """The recording has no such thing."""
        self._write(kind, "absent.json", (json.dumps({"reason": reason}) + "\n").encode())

    def fail(self, kind: str, failure: Failure) -> None:
        """It could not be made."""
        self._write(kind, "failed.json", failure.to_bytes())

    @property
    def any_failed(self) -> bool:
        """Whether the folder holds any failure, of this recipe or of another."""
        return any(name.endswith(".failed.json") for name in self._files.values())

    def failure(self, kind: str) -> Failure | None:
        """Why it could not be made; None where it has not failed."""
        if self.state(kind) != "failed":
            return None
        data = self._store.read_or_none(f"{self._folder}/{self._files[kind, self.fingerprint(kind)]}")
        return Failure.from_bytes(data) if data else None

    def reason(self, kind: str) -> str:
        """Why it is absent."""
        name = self._files.get((kind, self.fingerprint(kind)), "")
        if name.endswith(".absent.json"):
            told: dict[str, Any] = json.loads(self._store.read_or_none(f"{self._folder}/{name}") or b"{}")
            return str(told.get("reason", ""))
        lacking = [read for read in self.lineage.maker[kind].reads if self.state(read) == "absent"]
        return f"needs {', '.join(lacking)}, which is absent" if lacking else ""

    def retry(self, kind: str) -> None:
        """Forget a failure, so that it is tried again."""
        if self.state(kind) == "failed":
            self._forget(kind)

    @contextmanager
    def local(self, kind: str) -> Iterator[Path]:
        """A local file with the artifact's bytes; `media` is the source's own file, or the fetched copy."""
        path = self._media_path() if kind == "media" else self._path(kind)
        if self._store.is_local or (kind == "media" and Path(path).is_absolute() and Path(path).exists()):
            yield Path(path)
            return
        with tempfile.TemporaryDirectory(prefix="affectloom-") as folder:
            copy = Path(folder) / path.rsplit("/", 1)[-1]
            self._store.fs.get_file(path, str(copy))
            yield copy

    def _media_path(self) -> str:
        uri = self.source.uri
        if uri is None:
            raise SourceUnavailable(f"{self.id} is a text: it has no media")
        if "://" in uri:
            return f"{self._folder}/{self._files['media', self.source.sha256[:16]]}"
        if not Path(uri).is_file():
            raise SourceUnavailable(
                f"{uri} is not there any more", do="put it back, or correct the sources", retry=True
            )
        return uri

    @contextmanager
    def create(self, kind: str, suffix: str) -> Iterator[Path]:
        """A local file to fill; becomes the artifact when the block ends without an error."""
        name = f"{kind}.{self.fingerprint(kind)}.{suffix}"
        with self._store.placing(f"{self._folder}/{name}") as part:
            yield part
        self._note(name)

    @property
    def has_media(self) -> bool:
        """Whether a fetched copy of the media is there."""
        return self.acquired and ("media", self.source.sha256[:16]) in self._files

    def place_media(self, path: Path, sha256: str) -> None:
        """Keep a fetched file as the recording's media."""
        name = f"media.{sha256[:16]}.bin"
        with self._store.placing(f"{self._folder}/{name}") as part:
            shutil.copyfile(path, part)
        self._note(name)
