"""How fast a host is asked by the workers of many machines, whose store is an object store: turns in the store itself.

    STORE/private/pace/HOST/000000000042.json     what is known of a host, after its 42nd change
    STORE/private/pace/got/20788/NAME.json        bytes that one process fetched on a day

A change is a new object that must not be there yet, which S3 and Google Cloud Storage promise: of two workers that
write the same number one is refused, reads anew and tries again. Turns are taken ahead, so that a worker writes once
for each, however many wait. The machines' clocks must agree, as the stores ask anyway.
"""

import json
import logging
import os
import random
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING

from pipelines.fetch.pace import DAY_S, Pace, Turns, budget_spent, host_name, turns_of
from schemas.acquire import Acquire
from schemas.errors import StoreError

if TYPE_CHECKING:
    from pipelines.store import Store

log = logging.getLogger(__name__)

_KEPT = 50
"""Changes that stay: who is further behind is told so by the time that it took."""
_SLOW_S = 5.0
_LATE_S = 0.05
"""A turn that is slept through for longer (or a tenth of the delay) is taken anew; the next is so much further away."""
_LEAD_S = 0.2
_FRESH_S = 5.0
_me = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
_got: dict[tuple[str, int], int] = {}
_summed: dict[tuple[str, int], tuple[float, int]] = {}
_counting = Lock()


class SharedPace(Pace):
    """Turns at hosts, kept in an object store."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._root = f"{store.root}/private/pace"

    def take(self, host: str, how: Acquire) -> float:
        """As `Pace.take`."""
        began, lead_s = time.time(), _LEAD_S
        while True:
            self._check_amount(how)
            at = self._changed(host, partial(self._reserve, host, how, lead_s))
            slept = at - time.time()
            time.sleep(max(slept, 0.0))
            now = time.time()
            if how.delay_s > 0 and now - at > _late_s(how):
                lead_s = min(lead_s * 2, 10.0)
            elif slept < 1 or self._latest(host)[1].held_s <= now:
                return now - began

    @staticmethod
    def _reserve(host: str, how: Acquire, lead_s: float, turns: Turns) -> tuple[float, Turns]:
        """The time of the next turn, and what is known of the host once it is taken."""
        now = time.time()
        after = turns_of(turns, host, how, now)
        at = max(turns.next_s, turns.held_s, now + lead_s if how.delay_s > 0 else now)
        step = how.delay_s * (1 + how.jitter * random.random()) + _late_s(how)  # noqa: S311 - no secret
        return at, replace(after, next_s=at + step if how.delay_s > 0 else at)

    def hold(self, host: str, seconds: float) -> None:
        """As `Pace.hold`."""
        until = time.time() + min(max(seconds, 0.0), DAY_S)
        self._changed(host, lambda turns: (0.0, replace(turns, held_s=until) if until > turns.held_s else None))

    def spent(self, size: int) -> None:
        """As `Pace.spent`: each process counts by itself, and the sum is looked at."""
        today = int(time.time() // DAY_S)
        with _counting:
            key = (self._root, today)
            _got[key] = _got.get(key, 0) + size
            self._store.write(f"{self._root}/got/{today}/{_me}.json", str(_got[key]).encode())
            _summed.pop(key, None)

    def _check_amount(self, how: Acquire) -> None:
        if how.mb_a_day is None:
            return
        today = int(time.time() // DAY_S)
        with _counting:
            seen_s, got = _summed.get((self._root, today), (0.0, 0))
            if time.monotonic() - seen_s > _FRESH_S or not seen_s:
                folder = f"{self._root}/got/{today}"
                told = (self._store.read_or_none(f"{folder}/{name}") for name in self._store.files(folder))
                got = sum(int(each) for each in told if each and each.isdigit())
                _summed[self._root, today] = time.monotonic(), got
        if got >= how.mb_a_day * 1_000_000:
            raise budget_spent(how.mb_a_day)

    def _latest(self, host: str) -> tuple[int, Turns]:
        """What is known of a host, and after how many changes."""
        folder = f"{self._root}/{host_name(host)}"
        while True:
            number = max((int(name[:12]) for name in self._store.files(folder) if name[:12].isdigit()), default=0)
            data = self._store.read_or_none(f"{folder}/{number:012d}.json") if number else b"{}"
            if data is not None:  # else it was swept just now
                return number, Turns(**json.loads(data))

    def _changed(self, host: str, act: Callable[[Turns], tuple[float, Turns | None]]) -> float:
        """Change what is known of a host; what `act` gives beside it."""
        folder, tries = f"{self._root}/{host_name(host)}", 0
        while True:
            began = time.monotonic()
            number, turns = self._latest(host)
            given, then = act(turns)
            if then is None:
                return given
            if create(self._store, f"{folder}/{number + 1:012d}.json", json.dumps(asdict(then)).encode()):
                if number % _KEPT == 0:
                    self._sweep(folder, number - _KEPT)
                if time.monotonic() - began < _SLOW_S:
                    return given
            tries += 1
            time.sleep(random.random() * min(2.0, 0.02 * 2**tries))  # noqa: S311 - no secret

    def _sweep(self, folder: str, most: int) -> None:
        old = [name for name in self._store.files(folder) if name[:12].isdigit() and int(name[:12]) < most]
        for name in old:
            try:
                self._store.fs.rm_file(f"{folder}/{name}")
            except OSError:  # another worker sweeps too
                return


def _late_s(how: Acquire) -> float:
    return max(_LATE_S, how.delay_s / 10)


def create(store: "Store", path: str, data: bytes) -> bool:
    """Write an object that is not there yet; False where it is. Raises StoreError."""
    try:
        store.fs.pipe_file(path, data, mode="create")
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(
            f"the store cannot be written: {path}: {error}", do="check the path given with --store, and its rights"
        ) from error
    return True


@lru_cache(maxsize=64)
def is_exclusive(store: "Store") -> bool:
    """Whether the store refuses to write what is there already; some servers that speak S3 do not."""
    path = f"{store.root}/private/pace/exclusive"
    refused = not (create(store, path, b"") and create(store, path, b""))
    if not refused:
        log.warning("%s writes over what must not be there yet: each machine keeps the pace by itself", store.url)
    return refused
