"""Where a dataset is published: it appears there whole, in place of the one before, or not at all."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from schemas.errors import StoreError, UsageError

MANIFEST = "manifest.json"
MAKER = "affectloom"


class Destination(Protocol):
    """A folder to be. `work` is local, for files that are not finished."""

    work: Path

    def place(self, path: Path, name: str) -> None:
        """Take over a finished local file under a provisional name."""
        ...

    def commit(self, names: Mapping[str, str], texts: Mapping[str, str]) -> None:
        """Make everything visible: provisional names become paths in the folder, `texts` are written beside them."""
        ...


@contextmanager
def destination(out: str) -> Iterator[Destination]:
    """The place `out`: a folder or an fsspec URL of one. What is staged is removed when the block fails.

    On a local disk the new folder takes the old one's place by renaming. An object store cannot rename a folder:
    there files are moved one by one, the card and the manifest last.

    Raises:
        UsageError: there is something that this program did not publish.
        StoreError: the place cannot be written.
    """
    if "://" in out and not out.startswith("file://"):
        with _told(out), _remote(out) as place:
            yield place
    else:
        with _told(out), _local(Path(out.removeprefix("file://")).absolute()) as place:
            yield place


@contextmanager
def _told(out: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{out} cannot be written: {error.strerror or error}",
            do="what was published there before is unchanged; make room, or name another folder with --out",
        ) from error


@contextmanager
def _local(out: Path) -> Iterator[Destination]:
    out.parent.mkdir(parents=True, exist_ok=True)
    staged, old = out.with_name(f".{out.name}.part"), out.with_name(f".{out.name}.old")
    if old.exists() and not out.exists():  # the program was killed between two renamings
        old.rename(out)
    _check_ours(out)
    shutil.rmtree(staged, ignore_errors=True)
    (staged / "data").mkdir(parents=True)
    try:
        yield _LocalDestination(out, staged, old)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            old.rename(out)


class _LocalDestination:
    def __init__(self, out: Path, staged: Path, old: Path) -> None:
        self.out, self.staged, self.old = out, staged, old
        self.work = staged / "data"

    def place(self, path: Path, name: str) -> None:
        """Finished files already lie where they are staged."""

    def commit(self, names: Mapping[str, str], texts: Mapping[str, str]) -> None:
        for name, final in names.items():
            (self.work / name).rename(self.staged / final)
        for name, text in texts.items():
            (self.staged / name).write_text(text, encoding="utf-8", newline="\n")
        if self.out.exists():
            for hidden in self.out.glob(".*"):  # a repository or an upload's cache is not ours to remove
                _copy(hidden, self.staged / hidden.name)
            self.out.rename(self.old)
        self.staged.rename(self.out)


def _copy(thing: Path, to: Path) -> None:
    if thing.is_dir() and not thing.is_symlink():
        shutil.copytree(thing, to, symlinks=True)
    else:
        shutil.copy2(thing, to, follow_symlinks=False)


def _check_ours(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file", do="name a folder with --out")
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    found = {name for name in found if not name.startswith(".")}
    text = (out / MANIFEST).read_text(encoding="utf-8") if MANIFEST in found else None
    _refuse_foreign(str(out), found, text)


def _refuse_foreign(out: str, found: set[str], text: str | None) -> None:
    do = "name an empty or new folder with --out, or move what is there"
    if not found:
        return
    if text is None:
        raise UsageError(f"{out} holds files that this program did not publish, such as {min(found)}", do=do)
    try:
        manifest: Any = json.loads(text)
        ours = manifest["made_by"] == MAKER
        known = {file["path"] for file in manifest["files"]} | {MANIFEST, "README.md"}
    except (ValueError, TypeError, KeyError):
        ours, known = False, set()
    if not ours:
        raise UsageError(f"{out}/{MANIFEST} is not this program's", do=do)
    if foreign := found - known:
        raise UsageError(f"{out} holds a file that is not of the dataset: {min(foreign)}", do=do)


@contextmanager
def _remote(url: str) -> Iterator[Destination]:
    import fsspec

    files, path = fsspec.core.url_to_fs(url.rstrip("/"))
    with tempfile.TemporaryDirectory(prefix="affectloom-publish-") as work:
        place = _RemoteDestination(files, path, Path(work))
        place.prepare(url)
        try:
            yield place
        finally:
            if files.exists(place.staged):
                files.rm(place.staged, recursive=True)


class _RemoteDestination:
    def __init__(self, files: Any, path: str, work: Path) -> None:
        self.files, self.path, self.work = files, path, work
        parent, _, name = path.rpartition("/")
        self.staged = f"{parent}/.{name}.part"

    def prepare(self, url: str) -> None:
        files = self.files
        found = (
            {str(name)[len(self.path) :].lstrip("/") for name in files.find(self.path)}
            if files.exists(self.path)
            else set()
        )
        self.before = {name for name in found if not name.startswith(".")}
        manifest = files.cat_file(f"{self.path}/{MANIFEST}").decode() if MANIFEST in self.before else None
        _refuse_foreign(url, self.before, manifest)
        if files.exists(self.staged):
            files.rm(self.staged, recursive=True)

    def place(self, path: Path, name: str) -> None:
        self.files.makedirs(self.staged, exist_ok=True)
        self.files.put_file(str(path), f"{self.staged}/{name}")
        path.unlink()

    def commit(self, names: Mapping[str, str], texts: Mapping[str, str]) -> None:
        # A killed program leaves a folder whose manifest names everything in it, so that the next one may replace it.
        every = sorted({*self.before, *names.values(), *texts})
        unfinished = {"made_by": MAKER, "unfinished": True, "files": [{"path": path} for path in every]}
        self.files.makedirs(f"{self.path}/data", exist_ok=True)
        self.files.pipe_file(f"{self.path}/{MANIFEST}", json.dumps(unfinished).encode())
        for name in sorted(self.before - {MANIFEST}, key=lambda one: (one not in texts, one)):
            self.files.rm_file(f"{self.path}/{name}")
        for name, final in names.items():
            self.files.mv(f"{self.staged}/{name}", f"{self.path}/{final}")
        for name in sorted(texts, key=lambda one: one == MANIFEST):
            self.files.pipe_file(f"{self.path}/{name}", texts[name].encode())
