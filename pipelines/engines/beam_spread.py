"""One function over many things, as a Beam pipeline on a runner elsewhere: for work that is not a recording's step.

The function, the things and the results wait in the store as pickles. Who may write to the store must not thereby run
code in the driver or in workers: each is sealed with a key that is made for the run and travels in the pipeline alone.
"""

import hashlib
import hmac
import pickle
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.engines.beam_running import LOOK_FAR_S, LOOK_S, Running, run_folder
from pipelines.store import Store
from schemas.errors import AffectloomError, StoreError

T = TypeVar("T")
R = TypeVar("R")
_SEAL = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Sealed:
    """Objects in a folder of the store, under a key."""

    url: str
    folder: str
    key: bytes

    def write(self, name: str, value: object) -> None:
        """Atomically; written again by whoever does it again."""
        data = pickle.dumps(value)
        Store(self.url).write(f"{self.folder}/{name}", self._seal(name, data) + data)

    def read(self, name: str) -> Any:
        """Raises StoreError for what is not there, or was not written under this key and name."""
        found = Store(self.url).read_or_none(f"{self.folder}/{name}")
        if found is None:
            raise StoreError(
                f"a worker does not find {self.folder}/{name}",
                do="give the workers the store's own file system, or an fsspec URL such as s3:// for the store",
            )
        seal, data = found[:_SEAL], found[_SEAL:]
        if not hmac.compare_digest(seal, self._seal(name, data)):
            raise StoreError(
                f"{self.folder}/{name} is not what this run wrote there",
                do="find out who else writes to the store, then give the command again",
            )
        return pickle.loads(data)  # noqa: S301 - sealed

    def _seal(self, name: str, data: bytes) -> bytes:
        return hmac.digest(self.key, name.encode() + b"\0" + data, "sha256")


def spread(options: Any, store: Store, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `function` gives for each item, in any order; as `pipelines.engines.spread.Spread`.

    How often an item is tried whose worker dies is the runner's business.
    """
    sealed = Sealed(store.url, run_folder(store), secrets.token_bytes(32))
    try:
        sealed.write("function", function)
        count = 0
        for count, item in enumerate(items, 1):
            sealed.write(f"item-{count - 1}", item)
        if count:
            yield from _run(options, store, sealed, count)
    finally:
        with suppress(OSError):
            store.fs.rm(sealed.folder, recursive=True)


def _run(options: Any, store: Store, sealed: Sealed, count: int) -> Iterator[Any]:
    running = Running(_pipeline(options, sealed, count))
    try:
        running.start()
        told: set[str] = set()
        while running.is_alive():
            running.join(LOOK_S if store.is_local else LOOK_FAR_S)
            yield from _results(store, sealed, told)
        yield from _results(store, sealed, told)
        running.check()
    finally:
        running.cancel()


def _results(store: Store, sealed: Sealed, told: set[str]) -> Iterator[Any]:
    """Those not yet told of. A runner may do an item again: the first result counts."""
    for name in sorted(set(store.listing(sealed.folder)) - told):
        if name.startswith("result-"):
            told.add(name)
            result = sealed.read(name)
            if isinstance(result, AffectloomError):
                raise result
            yield result


def _pipeline(options: Any, sealed: Sealed, count: int) -> Any:
    import apache_beam as beam

    pipeline = beam.Pipeline(options=options)
    numbers = pipeline | "numbers" >> beam.Create(range(count)) | "deal" >> beam.Reshuffle()
    numbers | "do" >> beam.Map(_do, sealed)
    return pipeline


def _do(number: int, sealed: Sealed) -> None:
    """One item in a worker of Beam's."""
    function = sealed.read("function")
    item = sealed.read(f"item-{number}")
    try:
        result = function(item)
    except AffectloomError as error:  # as a value: runners turn what is raised into pages of text
        result = error
    sealed.write(f"result-{number}", result)
