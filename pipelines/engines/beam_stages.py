"""What runs inside Beam's workers: one stage after the other on ids, each step in a child process of the worker.

Elements are small: a page's number, a part of a page, (number of the row, source row as JSON), (number of the row, id).
Stages give (tag, value) pairs: tag None for what goes on, FAILED and TOLD for outcomes as JSON.
"""

import base64
import json
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from pipelines.engines.again import give_up
from pipelines.engines.child import ACQUIRING, Child, Task, start, stop
from pipelines.machine import cores
from pipelines.plan import Plan
from pipelines.runner import ACQUIRE
from pipelines.store import Store
from schemas import errors
from schemas.errors import AffectloomError, StoreError, UsageError
from schemas.outcome import Outcome
from schemas.source import SourceRow

log = logging.getLogger(__name__)

TOLD = "told"
FAILED = "failed"
Given = Iterator[tuple[str | None, Any]]
Numbered = tuple[int, str]
_MOST_WAITING = 1000
_WAIT_S = 2.0
"""Outcomes are told so often, at most: each time makes a file."""
_FAULT = re.compile(r"affectloom-fault:([\w-]+=*)")


class RunEnds(Exception):
    """The run cannot go on. Carries the reason through whatever a runner makes of an exception: text."""

    def __init__(self, fault: AffectloomError) -> None:
        packed = json.dumps({"error": type(fault).__name__, "what": fault.what, "do": fault.do})
        super().__init__(f"{fault.what} affectloom-fault:{base64.urlsafe_b64encode(packed.encode()).decode()}")


def fault_in(text: str) -> AffectloomError | None:
    """The reason that a runner's message carries, if it carries one."""
    found = _FAULT.search(text)
    if found is None:
        return None
    told = json.loads(base64.urlsafe_b64decode(found[1]))
    kind: type[AffectloomError] = getattr(errors, told["error"])
    return kind(told["what"], do=told["do"])


class Crew:
    """The children of one process, shared by all of Beam's threads in it, and the outcomes that wait to be told.

    A recording that kills its worker kills a child: Beam sees nothing of it, which few of its runners would survive.

    most: children at a time; None: as many as there are cores. folder: where outcomes are told.
    """

    def __init__(self, plan: Plan, url: str, folder: str, most: int | None) -> None:
        self.store = Store(url)
        self.lineage = plan.lineage
        self._plan = plan
        self._folder = folder
        self._most = most or cores()
        self._children: list[Child] = []
        self._idle: list[Child] = []
        self._free = threading.Condition()
        self._fault: AffectloomError | None = None
        self._waiting: list[str] = []
        self._told = time.monotonic()
        self._serial = 0
        self._telling = threading.Lock()

    def work(self, task: Task) -> list[Outcome]:
        """Have a child do it. Where one dies of it, one by one; who kills two alone is given up. Raises RunEnds."""
        told = self._try(task)
        if isinstance(told, str) and len(task.ids) > 1:
            return [one for some in task.ids for one in self.work(replace(task, ids=(some,)))]
        if isinstance(told, str):
            told = self._try(task)  # once may be chance
        return self._or_ends(lambda: [self._give_up(task, told)]) if isinstance(told, str) else told

    def _give_up(self, task: Task, how: str) -> Outcome:
        step = None if task.index == ACQUIRING else self.lineage.steps[task.index]
        return give_up(self.store.open(task.ids[0], self.lineage), step, how)

    def _try(self, task: Task) -> list[Outcome] | str:
        """Outcomes, or how the child died."""
        child = self._take(task.index)
        told: list[Outcome] | None = []
        try:
            child.give(task)
            told = self._or_ends(child.answer)
        finally:
            if told is not None:
                self._give_back(child)
        if told is not None:
            return told
        how = child.bury()
        with self._free:
            self._children.remove(child)
            self._free.notify()
        name = ACQUIRE if task.index == ACQUIRING else self.lineage.steps[task.index].key
        log.warning("a worker died (%s) at %s of %s", how, name, ", ".join(task.ids[:3]))
        return how

    def _take(self, index: int) -> Child:
        """A free child: one that has the step's model, if there is one."""
        with self._free:
            while self._fault is None:
                if self._idle:
                    chosen = next((child for child in self._idle if index in child.loaded), self._idle[-1])
                    self._idle.remove(chosen)
                    return chosen
                if len(self._children) < self._most:
                    self._children.append(start(self._plan, self.store.url))
                    return self._children[-1]
                self._free.wait()
            raise RunEnds(self._fault)

    def _give_back(self, child: Child) -> None:
        with self._free:
            self._idle.append(child)
            self._free.notify()

    def _or_ends(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except AffectloomError as fault:
            self.end(fault)
            raise RunEnds(fault) from fault

    def end(self, fault: AffectloomError) -> None:
        """Nothing more is begun; the first reason stands."""
        with self._free:
            self._fault = self._fault or fault
            self._free.notify_all()

    @property
    def fault(self) -> AffectloomError | None:
        """Why the run cannot go on, if it cannot."""
        return self._fault

    def close(self) -> None:
        """End all children. Who waits for the answer of one sees it die."""
        with self._free:
            self._fault = self._fault or UsageError("the run is over")
            idle, self._idle = self._idle, []
            for child in self._children:
                if child not in idle:
                    child.process.terminate()
            self._children = [child for child in self._children if child not in idle]
        stop(idle)

    def tell(self, line: str) -> None:
        """Keep an outcome for the driver; see `flush`."""
        with self._telling:
            self._waiting.append(line)
            if len(self._waiting) < _MOST_WAITING and time.monotonic() - self._told < _WAIT_S:
                return
        self.flush()

    def flush(self) -> None:
        """Write what waits to be told to a file of its own, for the driver to read and remove."""
        with self._telling:
            if self._waiting:
                text = "\n".join([*self._waiting, ""])
                self._waiting.clear()
                name = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}-{self._serial:08}.jsonl"
                self._serial += 1
                self._or_ends(lambda: self.store.write(f"{self._folder}/{name}", text.encode()))
            self._told = time.monotonic()


class Stage:
    """One of the pipeline's transforms. A worker of Beam's hands it the crew of its process before anything else."""

    def begin(self, crew: Crew) -> None:
        """Take up work in this process."""
        self.crew = crew

    def do(self, element: Any) -> Given:
        """What becomes of an element."""
        raise NotImplementedError

    def end(self) -> None:
        """A bundle of elements ends."""


class Parts(Stage):
    """A page's number to its parts, as (path, first byte, byte after the last, number of the first row).

    A page is a file of source rows, one a line. rows: of a page and of a part.
    """

    def __init__(self, folder: str, rows: int, size: int) -> None:
        self._folder, self._rows, self._size = folder, rows, size

    def do(self, element: int) -> Given:
        """Where the lines begin is seen by reading the page."""
        path = page(self._folder, element)
        ends = [0]
        for line in _read(self.crew.store, path).splitlines(keepends=True):
            ends.append(ends[-1] + len(line))
        for at in range(0, len(ends) - 1, self._size):
            yield None, (path, ends[at], ends[min(at + self._size, len(ends) - 1)], element * self._rows + at)


class Rows(Stage):
    """A part of a page to its rows, numbered through all pages."""

    def do(self, element: tuple[str, int, int, int]) -> Given:
        """Reads no more than the part."""
        path, begin, end, first = element
        for number, line in enumerate(_read(self.crew.store, path, begin, end).splitlines(), first):
            yield None, (number, line.decode())


class Acquire(Stage):
    """A numbered source row to the numbered id of a recording that is in the store."""

    def __init__(self, *, retry: bool) -> None:
        self._retry = retry

    def do(self, element: Numbered) -> Given:
        """A source that cannot be had goes no further."""
        number, text = element
        row = SourceRow.model_validate_json(text)
        (told,) = self.crew.work(Task(ACQUIRING, (row.id,), row, self._retry))
        yield _tagged(number, ACQUIRING, told)
        if told.state != "failed":
            yield None, (number, row.id)


class Work(Stage):
    """A batch of numbered ids to the same ids, one by one, after a step was run on them."""

    def __init__(self, index: int) -> None:
        self._index = index

    def do(self, element: Sequence[Numbered]) -> Given:
        """All go on: what a failed step leads to is the next step's to tell."""
        told = self.crew.work(Task(self._index, tuple(recording for _, recording in element)))
        for numbered, one in zip(element, told, strict=True):
            yield _tagged(numbered[0], self._index, one)
            yield None, tuple(numbered)


class Tell(Stage):
    """Outcomes to the driver, through the store: runners give a pipeline's driver nothing while it goes on."""

    def do(self, element: str) -> Given:
        """Nothing goes on from here."""
        self.crew.tell(element)
        return iter(())

    def end(self) -> None:
        """What a bundle did is told before it counts as done: twice, if need be, but never not at all."""
        self.crew.flush()


def page(folder: str, number: int) -> str:
    """The path of a page of source rows."""
    return f"{folder}/rows-{number:06}.jsonl"


def _read(store: Store, path: str, begin: int = 0, end: int | None = None) -> bytes:
    try:
        return bytes(store.fs.cat_file(path, start=begin, end=end))
    except OSError as error:
        raise RunEnds(
            StoreError(
                f"a worker on {socket.gethostname()} does not find the run's rows: {path}: {error}",
                do="the store must be the same for all workers: a shared file system, or an fsspec URL such as s3://",
            )
        ) from error


def _tagged(number: int, index: int, told: Outcome) -> tuple[str, str]:
    tag = FAILED if told.state == "failed" else TOLD
    return tag, json.dumps([number, index, asdict(told)], ensure_ascii=False)


def told_in(line: str | bytes) -> tuple[int, int, Outcome]:
    """The number of the row, the step's place, and what became of it."""
    number, index, told = json.loads(line)
    return number, index, Outcome(**{**told, "absent": tuple(told["absent"])})
