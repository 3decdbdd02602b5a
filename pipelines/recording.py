"""One recording's folder in the store, seen under the fingerprints of a recipe's steps."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pipelines.acquiring.takedown import check_not_taken_down
from pipelines.fetch.pace import Pace
from pipelines.lineage import ROOTS, Lineage, root
from pipelines.store import Store
from schemas.artifact import Artifact, Damaged, Opened
from schemas.errors import DamagedArtifact, SourceUnavailable, StoreError
from schemas.failure import Failure
from schemas.source import Scalar, Source

A = TypeVar("A", bound=Artifact)
F = TypeVar("F", bound=Opened)
State = Literal["made", "absent", "failed", "blocked", "todo"]


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
        self.has_leftovers = False
        for name in self._store.files(self._folder):
            self._note(name)

    def _note(self, name: str) -> None:
        self.has_leftovers = self.has_leftovers or name.startswith(".part-")
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

    def note(self, told: Mapping[str, Scalar]) -> None:
        """Add to the further columns of the source, for who reads it here and now. Nothing is written."""
        source = self.source
        self._source = source.model_copy(update={"extra": {**source.extra, **told}})

    def write_source(self, source: Source) -> None:
        """Keep where it comes from, and forget an earlier failure to get it."""
        self._store.write(f"{self._folder}/source.json", source.to_bytes())
        self.forget_source_failure()
        self._source = source
        self._prints.clear()
        self._settled.clear()

    def forget_source_failure(self) -> None:
        """Have the source asked again, whatever it said."""
        if self._store.read_or_none(f"{self._folder}/source.failed.json") is not None:
            self._store.fs.rm_file(f"{self._folder}/source.failed.json")

    def write_source_failure(self, failure: Failure) -> None:
        """Keep why the source could not be had."""
        self._store.write(f"{self._folder}/source.failed.json", failure.to_bytes())

    def fingerprint(self, kind: str) -> str:
        """Of one artifact. Right only once everything it reads is settled."""
        if kind not in self._prints:
            self._prints[kind] = (
                root(self.source, kind)
                if kind in ROOTS
                else self.lineage.fingerprint(kind, self.fingerprint, self.failed)
            )
        return self._prints[kind]

    def failed(self, kind: str) -> bool:
        """Whether it could not be made, or something before it."""
        return kind in self.lineage.maker and self.state(kind) in ("failed", "blocked")

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
            raise self._damaged(kind, path, error) from error

    @contextmanager
    def open(self, kind: str, of: type[F]) -> Iterator[F]:
        """The artifact in its file, to be read in parts. A file that is damaged is removed."""
        path = self._path(kind)
        try:
            with self.local(kind) as copy, closing(of.open(copy)) as opened:
                yield opened
        except Damaged as error:
            raise self._damaged(kind, path, error) from error

    def _damaged(self, kind: str, path: str, error: ValueError) -> DamagedArtifact:
        self._forget(kind)
        return DamagedArtifact(
            f"{path} is damaged ({error}); it has been removed", do="run the same command again to make it anew"
        )

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
        """A local file with the artifact's bytes; `media` and `subtitles` are the source's own files."""
        own = {"media": self.source.uri, "subtitles": self.source.subtitles_uri}
        uri = own.get(kind)
        if kind in own and (uri is None or "://" not in uri):
            yield self._own_file(kind, uri)
            return
        path = f"{self._folder}/{self._files[kind, self._copy_mark(kind)]}" if kind in own else self._path(kind)
        if self._store.is_local:
            yield Path(path)
            return
        with tempfile.TemporaryDirectory(prefix="affectloom-") as folder:
            copy = Path(folder) / path.rsplit("/", 1)[-1]
            self._store.fs.get_file(path, str(copy))
            yield copy

    def _own_file(self, kind: str, uri: str | None) -> Path:
        if uri is None:
            raise SourceUnavailable(f"{self.id} has no {kind}")
        if not Path(uri).is_file():
            raise SourceUnavailable(
                f"{uri} is not there any more", do="put it back, or correct the sources", retry=True
            )
        return Path(uri)

    @contextmanager
    def create(self, kind: str, suffix: str) -> Iterator[Path]:
        """A local file to fill; becomes the artifact when the block ends without an error."""
        name = f"{kind}.{self.fingerprint(kind)}.{suffix}"
        with self._store.placing(f"{self._folder}/{name}") as part:
            yield part
        self._note(name)

    def _copy_mark(self, kind: str) -> str:
        of = {"media": self.source.sha256, "subtitles": self.source.subtitles_sha256 or ""}
        return of[kind][:16]

    def has_copy(self, kind: str) -> bool:
        """Whether a fetched copy of the media or the subtitles is there."""
        return self.acquired and (kind, self._copy_mark(kind)) in self._files

    def place_copy(self, kind: str, path: Path, sha256: str) -> None:
        """Keep a fetched file as the recording's media or subtitles."""
        name = f"{kind}.{sha256[:16]}.bin"
        with self._store.placing(f"{self._folder}/{name}") as part:
            try:
                path.replace(part)
            except OSError:  # on another disk
                shutil.copyfile(path, part)
        self._note(name)

    def check_not_taken_down(self, sha256: str | None = None) -> None:
        """Raises TakenDown. sha256: of media, which may have been taken down under another id."""
        check_not_taken_down(self._store, self.id, sha256)

    @property
    def pace(self) -> Pace:
        """How fast hosts are asked for recordings of this store."""
        return Pace.of_store(self._store)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder for what is being fetched, gone afterwards; if we are killed, the next run removes it."""
        with self._store.workspace(self._folder) as folder:
            yield folder
