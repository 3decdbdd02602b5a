"""A worker process under its engine's eyes: it may die of what it is sent without taking the engine along."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from pipelines.engines.again import ONE_THREAD, take_in
from pipelines.plan import Plan
from pipelines.runner import Runner
from pipelines.store import Store
from schemas.errors import AffectloomError
from schemas.outcome import Outcome
from schemas.source import SourceRow

ACQUIRING = -1
"""Stands for acquiring where others have a step's place in the lineage."""
_starting = threading.Lock()
"""A child takes its environment from this process: what is set there for one is not for another to see half done."""


@dataclass(frozen=True)
class Task:
    """A step (by its place in the order) and the recordings it is for; with a source row, where it is to be acquired.

    retry: whether what failed before is tried again. None where the engine has looked after that already.
    """

    index: int
    ids: tuple[str, ...]
    row: SourceRow | None = None
    retry: bool | None = None


@dataclass
class Child:
    """The engine's end of a worker process. loaded: the steps that it was given, whose models it may hold."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    loaded: set[int] = field(default_factory=set)
    gpu: str | None = None
    """Its own GPU, and the only one that it sees; None where none was given out to it."""

    def give(self, task: Task) -> None:
        """Have it work. If it died while it was idle, that is found by who waits for the answer."""
        self.task = task
        self.loaded.add(task.index)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(task)

    def answer(self) -> list[Outcome] | None:
        """What became of the task; waits for it. None where the process died of it. Raises what ends a run."""
        try:
            told = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return None
        self.task = None
        if isinstance(told, AffectloomError):
            raise told
        outcomes: list[Outcome] = told
        return outcomes

    def bury(self) -> str:
        """Clear away the dead process; says how it died."""
        self.process.join(timeout=5)
        self.pipe.close()
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def start(plan: Plan, url: str, gpu: str | None = None) -> Child:
    """A new worker process for a plan, on the store of that URL. gpu: the one that it shall see, None for all."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with _starting:
        wanted = ONE_THREAD if gpu is None else {**ONE_THREAD, "CUDA_VISIBLE_DEVICES": gpu}
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)  # read by libraries when a worker imports them
        try:
            process = context.Process(target=_work, args=(theirs, plan, url, os.getpid()), daemon=True)
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
    theirs.close()
    return Child(process, ours, gpu=gpu)


def stop(children: Sequence[Child]) -> None:
    """End them all; those that are at work at once."""
    for child in children:
        child.pipe.close()
        if child.task is not None:
            child.process.terminate()
    for child in children:
        child.process.join(timeout=5)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()


def _work(pipe: Connection, plan: Plan, url: str, driver: int) -> None:
    """A worker's whole life. Ctrl-C is the driver's business; without a driver there is nothing to live for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(driver,), daemon=True).start()
    runner = Runner(plan, Store(url))
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)  # libraries that clean up at exit may hang or complain: all is written
        try:
            answer: object = _done(runner, task)
        except AffectloomError as error:
            answer = error
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)


def _done(runner: Runner, task: Task) -> list[Outcome]:
    if task.row is None:
        return runner.run(task.index, task.ids)
    if task.retry is None:
        return [runner.acquire(task.row)]
    return [take_in(runner, task.row, retry=task.retry)]


def _die_with(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(0.5)
    os._exit(1)
