"""Files in object stores and on the hub, by fsspec: S3, Google Cloud Storage, Azure, `hf://`.

Their addresses name a store and a key there; which machines answer is for this machine's own configuration to say, so
that an address in a table cannot lead anywhere else. No other of fsspec's file systems is asked: several fetch what
http addresses name, past the checks of pipelines.fetch.addresses, or read local files.
"""

import errno
import hashlib
import posixpath
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.fetch.addresses import ForbiddenAddress, plain
from pipelines.fetch.http import check_size
from pipelines.fetch.pace import Pace, backoff
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong

SCHEMES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory")
"""`memory` is a program's own."""
_BLOCK = 1 << 18
_OWN_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_FAULTS = (
    ("botocore.exceptions", ("BotoCoreError", "ClientError")),
    ("gcsfs.retry", ("HttpError",)),
    ("google.auth.exceptions", ("GoogleAuthError",)),
    ("azure.core.exceptions", ("AzureError",)),
    ("aiohttp", ("ClientError",)),
    ("httpx", ("HTTPError",)),
)
"""What the clients of stores raise besides OSError and ValueError; those that are loaded are known."""


def is_object(uri: str | None) -> bool:
    """Whether the address names something in an object store or on the hub."""
    scheme, sign, _ = (uri or "").partition("://")
    return bool(sign) and scheme.lower() in SCHEMES


def fetch_object(url: str, to: Path, how: Acquire, pace: Pace | None = None) -> tuple[str, int]:
    """Download an object; its SHA-256 and size. Tries `how.tries` times what waiting can mend.

    Raises SourceUnavailable (saying whether a later run can help), TooLong.
    """
    for attempt in range(1, how.tries + 1):
        try:
            with told(url):
                return _fetched(url, to, how, pace)
        except SourceUnavailable as error:
            if not error.retry or attempt == how.tries or isinstance(error.__cause__, PermissionError | ImportError):
                raise
            time.sleep(backoff(attempt, how))
    raise AssertionError(url)  # pragma: no cover - `tries` is at least 1


def _fetched(url: str, to: Path, how: Acquire, pace: Pace | None) -> tuple[str, int]:
    fs, path = opened(url)
    ends = time.monotonic() + how.max_minutes * 60
    fs.invalidate_cache()  # what was there when its folder was listed may be another now
    known = fs.info(path)
    if known.get("type") == "directory":
        raise SourceUnavailable(f"{plain(url)} is a folder", do="end it with / in `sources` to take what it holds")
    if known.get("size") is not None:
        check_size(url, int(known["size"]), how)
    sha256, size = hashlib.sha256(), 0
    with to.open("wb") as file, fs.open(path, "rb", block_size=1 << 22) as body:
        while block := body.read(_BLOCK):
            file.write(block)
            sha256.update(block)
            size += len(block)
            check_size(url, size, how)
            if time.monotonic() > ends:
                raise TooLong(
                    f"{plain(url)} took more than {how.max_minutes:g} minutes",
                    do="raise acquire.max_minutes in the recipe",
                )
    if pace is not None:
        pace.spent(size)
    if known.get("size") is not None and size != int(known["size"]):
        raise SourceUnavailable(
            f"{plain(url)} broke off after {size:,} of {int(known['size']):,} bytes",
            do="a new run tries again",
            retry=True,
        )
    return sha256.hexdigest(), size


def listed(url: str) -> tuple[str, list[str]]:
    """The folder that a folder's or a pattern's address names, and every file in it as an address, in order.

    Raises SourceUnavailable.
    """
    with told(url):
        fs, path = opened(url)
        fs.invalidate_cache()
        scheme = url.partition("://")[0]
        is_pattern = any(sign in url for sign in "*?[")
        found = fs.glob(path, detail=True) if is_pattern else fs.find(path, detail=True)
        names = [name for name, known in found.items() if known.get("type") != "directory"]
    base = _before_pattern(path) if is_pattern else path.rstrip("/")
    return f"{scheme}://{base.lstrip('/')}", [f"{scheme}://{str(name).lstrip('/')}" for name in sorted(names)]


def bytes_of(url: str, most: int) -> bytes:
    """A small object. Raises SourceUnavailable, TooLong."""
    with told(url):
        fs, path = opened(url)
        fs.invalidate_cache()
        with fs.open(path, "rb") as file:
            data = bytes(file.read(most + 1))
    if len(data) > most:
        raise TooLong(f"{plain(url)} has more than {most:,} bytes", do="is it a table at all?")
    return data


def beside(folder: str, name: str) -> str:
    """The address of a file named from a folder's address; it may lie above the folder, never in another store."""
    scheme, _, path = folder.partition("://")
    bucket, _, inner = path.partition("/")
    return f"{scheme}://{bucket}{posixpath.normpath(posixpath.join('/', inner, name))}"


def _before_pattern(path: str) -> str:
    parts = path.split("/")
    first = next(at for at, part in enumerate(parts) if any(sign in part for sign in "*?["))
    return "/".join(parts[:first])


def opened(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path there. Raises ForbiddenAddress, SourceUnavailable."""
    import fsspec

    if not is_object(url) or "::" in url or any(sign < " " or sign == "\x7f" for sign in url):
        raise ForbiddenAddress(
            f"{plain(url)}: object stores are asked by {', '.join(SCHEMES[:-1])}", do="correct the address"
        )
    if "@" in urlsplit(url).netloc:
        raise ForbiddenAddress(f"{plain(url)}: credentials stand in the environment, not in an address")
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise SourceUnavailable(
            f"{plain(url)} needs a package that is not installed: {error}",
            do="pip install s3fs, gcsfs, adlfs or huggingface_hub",
            retry=True,
        ) from error
    return fs, str(path)


@contextmanager
def told(url: str) -> Iterator[None]:
    """Translate what stores' clients raise."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{plain(url)} is not there", do="check the address") from error
    except PermissionError as error:
        raise SourceUnavailable(
            f"{plain(url)} may not be read: {error.strerror or error}",
            do="give this machine the store's credentials, as its client wants them in the environment",
            retry=True,
        ) from error
    except _faults() as error:
        if isinstance(error, OSError) and error.errno in _OWN_DISK:
            raise
        reason = str(error).partition("\n")[0][:300] or type(error).__name__
        raise SourceUnavailable(
            f"{plain(url)} cannot be fetched: {reason}", do="check the network and the credentials", retry=True
        ) from error


def _faults() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [OSError, ValueError]
    for module, names in _FAULTS:
        if module in sys.modules:
            found += [getattr(sys.modules[module], name) for name in names if hasattr(sys.modules[module], name)]
    return tuple(found)
