"""What is published appears whole, in place of what was there before, or not at all."""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipelines.publishing.figures import NAMES
from pipelines.publishing.place import Place, ShardFile
from schemas.errors import UsageError

MANIFEST = "manifest.json"
CARD = "README.md"
CROISSANT = "croissant.json"
MAKER = "affectloom"
_FINISHED = ".json"

Shards = Sequence[tuple[ShardFile, str]]
"""Files with their paths in the dataset."""


class Destination:
    """A place whose former content is known, and that can be given new content."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._before, manifest = _found(place)
        _refuse_foreign(place.out, self._before, manifest)
        self.manifest: dict[str, Any] = json.loads(manifest) if manifest else {}

    def published(self) -> dict[str, tuple[ShardFile, ...]]:
        """The shards that are there, by the digest of what each was made from."""
        found: dict[str, list[ShardFile]] = {}
        for file in self.manifest.get("files", ()):
            if {"inputs", "rows", "bytes", "sha256"} <= set(file):
                one = ShardFile(file["path"], file["rows"], file["bytes"], file["sha256"], kept=True)
                found.setdefault(file["inputs"], []).append(one)
        return {inputs: tuple(files) for inputs, files in found.items()}

    def commit(self, shards: Shards, texts: Mapping[str, str]) -> None:
        """Make everything visible: shards under their paths, `texts` beside them."""
        if self.place.is_local:
            self._commit_here(shards, texts)
        else:
            self._commit_there(shards, texts)

    def _commit_here(self, shards: Shards, texts: Mapping[str, str]) -> None:
        out = Path(self.place.path)
        whole, old = Path(self.place.waiting, "whole"), _old(out)
        shutil.rmtree(whole, ignore_errors=True)
        (whole / "data").mkdir(parents=True)
        for shard, final in shards:
            self.place.also_at(self.place.path_of(shard), str(whole / final))
        for name, text in texts.items():
            (whole / name).parent.mkdir(exist_ok=True)
            with (whole / name).open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        if out.exists():
            for hidden in out.glob(".*"):  # a repository or an upload's cache is not ours to remove
                _copy(hidden, whole / hidden.name)
            out.rename(old)
        whole.rename(out)

    def _commit_there(self, shards: Shards, texts: Mapping[str, str]) -> None:
        """An object store cannot rename a folder: what needs room first, then file by file, the manifest last."""
        fs, path = self.place.fs, self.place.path
        stays = {final for shard, final in shards if shard.kept and shard.name == final}
        moves: list[tuple[str, str]] = []
        for shard, final in shards:
            if shard.kept and shard.name != final:
                # Its path may become that of another: the bytes step aside.
                aside = f"{self.place.waiting}/{shard.sha256}.kept"
                self.place.also_at(self.place.path_of(shard), aside)
                moves.append((aside, final))
            elif not shard.kept:
                moves.append((self.place.path_of(shard), final))
        for name in ("data", *(one.rpartition("/")[0] for one in texts if "/" in one)):
            fs.makedirs(f"{path}/{name}", exist_ok=True)
        self._add([move for move in moves if move[1] not in self._before])
        # A killed program leaves a folder whose manifest names everything in it, so that the next one may replace it.
        told = {file["path"]: file for file in self.manifest.get("files", ()) if file["path"] in stays}
        every = sorted({*self._before, *(final for _, final in shards), *texts})
        files = [told.get(name, {"path": name}) for name in every]
        fs.pipe_file(f"{path}/{MANIFEST}", json.dumps({"made_by": MAKER, "unfinished": True, "files": files}).encode())
        for aside, final in moves:
            if final in self._before:
                self.place.also_at(aside, f"{path}/{final}")
        finals = {final for _, final in shards}
        for name in sorted(self._before - finals - {*texts}):
            fs.rm_file(f"{path}/{name}")
        for name in sorted(texts, key=lambda one: one == MANIFEST):
            fs.pipe_file(f"{path}/{name}", texts[name].encode())

    def _add(self, moves: Sequence[tuple[str, str]]) -> None:
        """Add files to those there; on failure the folder is left as it was."""
        added: list[str] = []
        try:
            for source, final in moves:
                added.append(f"{self.place.path}/{final}")
                self.place.also_at(source, added[-1])
        except OSError:
            for name in added:
                with suppress(OSError):
                    self.place.fs.rm_file(name)
            raise


@contextmanager
def destination(place: Place) -> Iterator[Destination]:
    """The place, made ready. Finished shards wait beside it: a run that fails or is killed leaves them to the next.

    On a local disk the new folder takes the old one's place by renaming. An object store cannot rename a folder:
    there files are added and replaced one by one, the card and the manifest last.

    Raises:
        UsageError: there is something that this program did not publish, or another run is publishing there.
        StoreError: the place cannot be written.
    """
    with place.told():
        if not place.is_local:
            yield from _there(place)
            return
        out, waiting = Path(place.path), Path(place.waiting)
        out.parent.mkdir(parents=True, exist_ok=True)
        if _old(out).exists() and not out.exists():  # the program was killed between two renamings
            _old(out).rename(out)
        shutil.rmtree(_old(out), ignore_errors=True)  # or right after them
        found = Destination(place)
        waiting.mkdir(exist_ok=True)
        with _alone(waiting, place.out):
            _sweep(waiting, keep=True)
            try:
                yield found
                shutil.rmtree(waiting, ignore_errors=True)
            finally:
                _sweep(waiting)
                if out.exists():
                    shutil.rmtree(_old(out), ignore_errors=True)
                elif _old(out).exists():
                    _old(out).rename(out)


def _there(place: Place) -> Iterator[Destination]:
    yield Destination(place)
    if place.fs.exists(place.waiting):
        place.fs.rm(place.waiting, recursive=True)


def check(place: Place) -> None:
    """Raise UsageError now for what `destination` would refuse; writes nothing."""
    with place.told():
        Destination(place)


def _old(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


@contextmanager
def _alone(folder: Path, out: str) -> Iterator[None]:
    """A lock that goes with the process; on file systems without locks there is none."""
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
                raise UsageError(f"another run is publishing to {out}", do="wait for it to end") from error
        yield
    finally:
        os.close(held)


def _sweep(waiting: Path, *, keep: bool = False) -> None:
    """Remove what is not finished; the folder too where nothing is, unless `keep`."""
    if not waiting.exists():
        return
    for path in waiting.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
    if not keep and not any(path.suffix == _FINISHED for path in waiting.iterdir()):
        shutil.rmtree(waiting, ignore_errors=True)


def _copy(thing: Path, to: Path) -> None:
    if thing.is_dir() and not thing.is_symlink():
        shutil.copytree(thing, to, symlinks=True)
    else:
        shutil.copy2(thing, to, follow_symlinks=False)


def _found(place: Place) -> tuple[set[str], str | None]:
    """What is there, but for hidden files, and the manifest."""
    fs, path = place.fs, place.path
    fs.invalidate_cache(path)
    if not fs.exists(path):
        return set(), None
    if place.is_local and not Path(path).is_dir():
        raise UsageError(f"{place.out} is a file", do="name a folder with --out")
    names = {str(name)[len(path) :].lstrip("/") for name in fs.find(path)}
    names = {name for name in names if not name.startswith(".")}
    return names, fs.cat_file(f"{path}/{MANIFEST}").decode() if MANIFEST in names else None


def _refuse_foreign(out: str, found: set[str], text: str | None) -> None:
    do = "name an empty or new folder with --out, or move what is there"
    if not found:
        return
    if text is None:
        raise UsageError(f"{out} holds files that this program did not publish, such as {min(found)}", do=do)
    try:
        manifest: Any = json.loads(text)
        ours = manifest["made_by"] == MAKER
        known = {file["path"] for file in manifest["files"]} | {MANIFEST, CARD, CROISSANT, *NAMES}
    except (ValueError, TypeError, KeyError):
        ours, known = False, set()
    if not ours:
        raise UsageError(f"{out}/{MANIFEST} is not this program's", do=do)
    if foreign := found - known:
        raise UsageError(f"{out} holds a file that is not of the dataset: {min(foreign)}", do=do)
