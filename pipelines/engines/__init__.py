"""Engines run a plan's steps over sources. They move recording ids only; the store holds everything else."""

import importlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pipelines.engines.spread import Spread
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.errors import MissingPart
from schemas.outcome import Outcome
from schemas.source import SourceRow

ENGINES = {
    "local": "pipelines.engines.local:LocalEngine",
    "ray": "pipelines.engines.ray:RayEngine",
    "beam": "pipelines.engines.beam:BeamEngine",
}
"""What `--engine` takes, and where each is found: nothing is imported that is not used."""


class Engine(Protocol):
    """Made with `workers` (None: what the machine or the cluster has), `retry`, and the engine's own `options`."""

    def run(self, plan: Plan, rows: Iterable[SourceRow], store: Store) -> Iterator[Outcome]:
        """Outcomes as they come, several for each recording. Raises UsageError where a run cannot go on."""
        ...

    def spreading(self, store: Store) -> AbstractContextManager[Spread]:
        """What applies a function to many things in the engine's workers: for work that is not a recording's step.

        store: where workers elsewhere may find them.
        """
        ...


def engine(name: str, workers: int | None, *, retry: bool = False, options: Sequence[str] = ()) -> Engine:
    """The engine of that name.

    options: the engine's own, such as Beam's pipeline options.

    Raises:
        KeyError: there is none of that name.
        MissingPart: what it runs on is not installed.
        UsageError: options that it does not know.
    """
    module, _, name_there = ENGINES[name].partition(":")
    try:
        found = getattr(importlib.import_module(module), name_there)
    except ImportError as error:
        raise MissingPart(
            f"the engine {name} needs the package {error.name}, which is not installed",
            do=f"pip install 'affectloom[{name}]'",
        ) from error
    made: Engine = found(workers, retry=retry, options=options)
    return made
