"""How fast a host is asked, over all workers that share a store: a file a host, locked while a turn is taken.

With a store in a folder the files lie in it, so that all runs on the store share them; with S3 and Google Cloud
Storage turns lie there too (pipelines.fetch.shared_pace); with any other store they lie in the machine's temporary
folder, and each machine of a cluster keeps the pace by itself.
"""

import fcntl
import hashlib
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable

if TYPE_CHECKING:
    from pipelines.store import Store

DAY_S = 86_400
_EXCLUSIVE = frozenset({"s3", "s3a", "gs", "gcs"})
"""File systems that promise not to write what is there already, if they are asked so."""


class Later(SourceUnavailable):
    """The host is not asked now: it asked for a wait, or the day's budget is spent."""


@dataclass(frozen=True)
class Turns:
    """What is kept of a host. Times in seconds since 1970."""

    next_s: float = 0.0
    """When it may be asked next."""
    held_s: float = 0.0
    """It asked to be left alone until then."""
    day: int = 0
    requests: int = 0
    got: int = 0
    """Bytes, of all hosts together: kept under the name of no host."""


class Pace:
    """Turns at hosts, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_store(cls, store: "Store") -> "Pace":
        """The pace that all workers of a store keep: on all machines, if it is a folder, in S3 or Google's store."""
        from pipelines.fetch.shared_pace import SharedPace, is_exclusive

        if store.is_local:
            return cls(Path(store.root) / "private" / "pace")
        if store.protocol in _EXCLUSIVE and is_exclusive(store):
            return SharedPace(store)
        mark = hashlib.sha256(store.root.encode()).hexdigest()[:16]
        return cls(Path(tempfile.gettempdir()) / f"affectloom-pace-{os.getuid()}-{mark}")

    def take(self, host: str, how: Acquire) -> float:
        """Wait for a turn at a host, and take it. Seconds waited.

        Raises Later where the day's budget is spent, or the wait would be longer than `how.longest_wait_s`.
        """
        waited = 0.0
        while (wait_s := self._turn(host, how)) > 0:
            time.sleep(wait_s)
            waited += wait_s
        return waited

    def _turn(self, host: str, how: Acquire) -> float:
        """Take the turn if it is now (0), else how long until it might be. A turn counts from when it is taken."""
        self._check_amount(how)
        with self._locked(host) as (turns, write):
            now = time.time()
            after = turns_of(turns, host, how, now)
            # A clock set back must not stop everybody: no turn is further away than a delay can be.
            soonest = min(turns.next_s, now + how.delay_s * (1 + how.jitter) + 1)
            wait_s = max(soonest, turns.held_s) - now
            if wait_s > 0:
                return wait_s
            step = how.delay_s * (1 + how.jitter * random.random())  # noqa: S311 - no secret
            write(replace(after, next_s=now + step))
            return 0.0

    def hold(self, host: str, seconds: float) -> None:
        """The host asked to be left alone for so long."""
        with self._locked(host) as (turns, write):
            write(replace(turns, held_s=max(turns.held_s, time.time() + min(max(seconds, 0.0), DAY_S))))

    def spent(self, size: int) -> None:
        """So many bytes came from the network."""
        with self._locked("") as (turns, write):
            today = int(time.time() // DAY_S)
            write(replace(turns, day=today, got=(turns.got if turns.day == today else 0) + size))

    def _check_amount(self, how: Acquire) -> None:
        if how.mb_a_day is None:
            return
        with self._locked("") as (turns, _):
            if turns.day == int(time.time() // DAY_S) and turns.got >= how.mb_a_day * 1_000_000:
                raise budget_spent(how.mb_a_day)

    @contextmanager
    def _locked(self, host: str) -> Iterator[tuple[Turns, "_Write"]]:
        """What is kept of a host, and how to change it, while nobody else does. A killed worker lets go of the lock."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(
            self.folder / f"{host_name(host)}.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            turns, write = _read(descriptor), _Write(descriptor)
            if turns is None:
                turns = Turns(next_s=time.time() + 1)  # whatever it was, a second's rest hurts nobody
                write(turns)
            yield turns, write
        finally:
            os.close(descriptor)


def host_name(host: str) -> str:
    """What a host's turns are kept under."""
    return hashlib.sha256(host.lower().encode()).hexdigest()[:32]


def turns_of(turns: Turns, host: str, how: Acquire, now: float) -> Turns:
    """What is known of a host once it is asked one time more.

    Raises Later where the day's requests are spent, or the host asked for a wait longer than `how.longest_wait_s`.
    """
    today = int(now // DAY_S)
    requests = turns.requests if turns.day == today else 0
    if how.requests_a_day is not None and requests >= how.requests_a_day:
        raise Later(
            f"the day's {how.requests_a_day:,} requests to {host} are spent",
            do="run the same command again tomorrow (UTC), or raise acquire.requests_a_day",
            retry=True,
        )
    if turns.held_s - now > how.longest_wait_s:
        raise Later(
            f"{host} asks to be left alone for {turns.held_s - now:,.0f} s more",
            do="run the same command again later; acquire.longest_wait_s says how long a run waits",
            retry=True,
        )
    return replace(turns, day=today, requests=requests + 1)


def budget_spent(mb_a_day: int) -> Later:
    """What is told where the day's bytes have come."""
    return Later(
        f"the day's {mb_a_day:,} MB are spent",
        do="run the same command again tomorrow (UTC), or raise acquire.mb_a_day",
        retry=True,
    )


class _Write:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, turns: Turns) -> None:
        data = json.dumps(asdict(turns)).encode().ljust(256)
        os.ftruncate(self._descriptor, len(data))
        os.pwrite(self._descriptor, data, 0)  # the same length each time, so that none is seen cut off


def _read(descriptor: int) -> Turns | None:
    """What is kept; None where the file is damaged."""
    try:
        return Turns(**json.loads(os.pread(descriptor, 4096, 0) or b"{}"))
    except (ValueError, TypeError):
        return None


def backoff(attempt: int, how: Acquire) -> float:
    """Seconds before the try after number `attempt` (from 1): doubled each time, the latter half of it random.

    Equal jitter, after Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015).
    """
    whole = min(how.backoff_s * 2.0 ** (attempt - 1), how.longest_wait_s)
    return float(whole * (0.5 + 0.5 * random.random()))  # noqa: S311 - no secret
