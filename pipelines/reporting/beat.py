"""A sign of life of a running build, for whoever sees the store.

    STORE/runs/NAME.DIGEST.RUN.beat.json

A thread of the driver writes it anew every few seconds and removes it at the end. A driver that is killed leaves its
last beat behind, which says when it was last heard of; the next build of the recipe removes it.
"""

import logging
import os
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pipelines.lineage import Lineage, digest, identity_of
from pipelines.plan import Plan
from pipelines.reporting.progress import Tally
from pipelines.store import Store
from schemas.errors import StoreError
from schemas.run import Beat, Progress
from schemas.step import Step

log = logging.getLogger(__name__)

EVERY_S = 5.0
SILENT_S = 60.0
"""A driver that was not heard of for so long is gone. The clocks of the machines may differ by less."""
_RATE_OVER_S = 300.0
_RATE_FROM = 10
"""Recordings: where fewer came to their end in the last minutes, the rate is the whole run's."""
_POINTS = 240
_BEAT = re.compile(r"(?P<name>[^.].*)\.(?P<digest>[0-9a-f]{16})\.(?P<run>[A-Za-z0-9-]+)\.beat\.json")


@dataclass(frozen=True)
class Run:
    """One build, as it begins. workers: processes at a time, None where the cluster decides."""

    plan: Plan
    store: Store
    settings: str
    """Digest of the filled recipe."""
    engine: str
    workers: int | None

    @property
    def path(self) -> str:
        """The beginning of the names of all that it leaves."""
        return f"{self.store.root}/runs/{self.plan.recipe.name}.{self.settings}"


def lineage_digest(lineage: Lineage) -> str:
    """Of what determines the names of all artifacts."""
    return digest([[step.key, list(lineage.inputs(step)), step_digest(step)] for step in lineage.steps])


def step_digest(step: Step) -> str:
    """Of a step's version, settings and weights."""
    return digest({kind: identity_of(step, kind) for kind in step.makes})


def beats(store: Store) -> list[Beat]:
    """Of all builds that are going on in the store, and of those that ended without a word."""
    folder = f"{store.root}/runs"
    names = sorted(name for name in store.listing(folder) if _BEAT.fullmatch(name))
    return [beat for name in names if (beat := _read(store, f"{folder}/{name}")) is not None]


def is_silent(beat: Beat) -> bool:
    """Whether the driver was not heard of for so long that it must be gone."""
    return time.time() - beat.now > SILENT_S


def _read(store: Store, path: str) -> Beat | None:
    data = store.read_or_none(path)
    try:
        return Beat.from_bytes(data) if data is not None else None
    except ValueError:  # another version's
        return None


class Pulse:
    """A thread that tells of a run every few seconds, also while nothing comes to its end for long."""

    def __init__(self, run: Run, tally: Tally, *, every_s: float = EVERY_S) -> None:
        self.started = time.time()
        self.points: list[Progress] = []
        self._run = run
        self._tally = tally
        self._every_s = every_s
        self._clock = time.monotonic()
        self._recent: deque[tuple[float, int]] = deque([(0.0, 0)])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="affectloom-beat", daemon=True)
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
        self._name = f"{host}-{os.getpid()}-{int(self.started * 1000)}.beat.json"
        self._lineage = lineage_digest(run.plan.lineage)

    @property
    def elapsed_s(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._clock

    def start(self) -> None:
        """Tell of the run from now on."""
        _bury(self._run)
        self._beat()
        self._thread.start()

    def _go_on(self) -> None:
        while not self._ended.wait(self._every_s):
            self._beat()

    def _beat(self) -> None:
        elapsed, tally, run = self.elapsed_s, self._tally, self._run
        self._point(elapsed)
        self._recent.append((elapsed, tally.worked))
        while self._recent[0][0] < elapsed - _RATE_OVER_S:
            self._recent.popleft()
        told = Beat(
            recipe=run.plan.recipe.name,
            lineage=self._lineage,
            engine=run.engine,
            machine=socket.gethostname(),
            pid=os.getpid(),
            workers=run.workers,
            started=self.started,
            now=time.time(),
            every_s=self._every_s,
            recordings=tally.recordings,
            finished=tally.finished,
            worked=tally.worked,
            failed=len(tally.failed),
            rate_per_s=rate(self._recent),
        )
        try:
            run.store.write(f"{run.path}.{self._name}", told.to_bytes())
        except StoreError as error:
            # What the run cannot write itself, its workers say; the beat is not worth ending it.
            log.debug("no beat: %s", error.what)

    def _point(self, elapsed: float) -> None:
        tally = self._tally
        self.points.append(Progress(seconds=round(elapsed, 1), finished=tally.finished, failed=len(tally.failed)))
        if len(self.points) > _POINTS:
            del self.points[1::2]

    def stop(self) -> None:
        """The run has ended: take the beat away."""
        self._ended.set()
        self._thread.join()
        self._point(self.elapsed_s)
        with suppress(OSError):  # it is gone, or the store is: then it falls silent
            self._run.store.fs.rm_file(f"{self._run.path}.{self._name}")


def rate(recent: Sequence[tuple[float, int]]) -> float | None:
    """Recordings a second over the last minutes, or over the whole run where those tell too little.

    recent: (seconds since the start, recordings worked on until then), oldest first.
    Returns None before the first recording has come to its end.
    """
    seconds, count = recent[-1]
    since, before = recent[0] if count - recent[0][1] >= _RATE_FROM else (0.0, 0)
    return (count - before) / (seconds - since) if count > before and seconds > since else None


def _bury(run: Run) -> None:
    """Remove last beats of this recipe's builds that ended without a word. One that lives after all beats again."""
    folder = f"{run.store.root}/runs"
    for name in run.store.listing(folder):
        found = _BEAT.fullmatch(name)
        if found is None or found["name"] != run.plan.recipe.name:
            continue
        beat = _read(run.store, f"{folder}/{name}")
        if beat is None or is_silent(beat):
            with suppress(OSError):
                run.store.fs.rm_file(f"{folder}/{name}")
