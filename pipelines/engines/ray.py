"""The Ray engine: one pool of actors a step, on this machine or on a cluster.

Source rows are streamed to Ray in windows, so that neither the driver nor Ray's own books grow with the number of
recordings. Within a window every step works at the same time, each on other recordings. Ray gives a batch whose
actor died to another actor; the store says what of it is made already, and the ledger (see ray_stage) who is to blame.
"""

import importlib
import itertools
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any

import pyarrow as pa

from pipelines.engines.again import ONE_THREAD
from pipelines.engines.ray_pools import Pool, pools
from pipelines.engines.ray_spread import spread
from pipelines.engines.ray_stage import ACQUIRING, Ledger, Stage, told_of
from pipelines.engines.spread import Spread
from pipelines.machine import cores
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.errors import MissingPart, StoreError, UsageError
from schemas.outcome import Outcome
from schemas.source import SourceRow

WINDOW = 10_000
"""Recordings an execution: it ends with a pause until the last is done, and the next loads its models anew."""
_BLOCKS_A_WORKER = 8
_BLOCK_MOST = 16
"""Rows that travel together, at most: enough that Ray's overhead is shared, few enough that all workers have some."""
_NEVER = -1.0
_LOOK_S = 0.5
_QUIET = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed|retries remaining|marked dead",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Ray reads these when it is imported; what a person has set stays."""


class RayEngine:
    """Runs a plan with Ray Data. Options: `--address=ADDRESS` of a cluster; else `$RAY_ADDRESS`, else this machine.

    workers: actors a step, at most; by default as many as the cluster has room for.
    """

    def __init__(self, workers: int | None = None, *, retry: bool = False, options: Sequence[str] = ()) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        try:
            importlib.import_module("ray.data")
        except ImportError as error:
            raise MissingPart(
                f"the engine ray needs the package {error.name}, which is not installed",
                do="pip install 'affectloom[ray]'",
            ) from error
        self.workers = workers
        self.retry = retry
        self.address = os.environ.get("RAY_ADDRESS") or "local"
        for option in options:
            name, equals, value = option.partition("=")
            if name != "--address" or not equals or not value:
                raise UsageError(
                    f"the Ray engine does not know the option {option}", do="it has one: --address=ADDRESS"
                )
            self.address = value

    def run(self, plan: Plan, rows: Iterable[SourceRow], store: Store) -> Iterator[Outcome]:
        """Outcomes as recordings come to their end. Raises what ends a run: see Runner.run."""
        if not store.is_shared:
            raise UsageError(
                f"the store {store.url} is in this process's memory, where Ray's workers do not see it",
                do="give a folder or an fsspec URL, or use the local engine",
            )
        with self._cluster():
            _check_shared(store)
            yield from self._run(plan, rows, store)

    @contextmanager
    def spreading(self, _store: Store) -> Iterator[Spread]:
        """Work that is not a recording's step, as Ray tasks."""
        with self._cluster():
            yield partial(spread, self.workers)

    @contextmanager
    def _cluster(self) -> Iterator[None]:
        """Ray, started here where nobody has yet."""
        import ray

        ours = not ray.is_initialized()
        if ours:
            self._connect()
        try:
            _quieten()
            yield
        finally:
            if ours:
                ray.shutdown()

    def _connect(self) -> None:
        import ray

        here = self.address == "local"
        size: dict[str, Any] = {"num_cpus": self.workers or cores()} if here else {}
        environment = dict(ONE_THREAD)
        if here:
            size["include_dashboard"] = False
            environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        try:
            ray.init(
                address=self.address,
                runtime_env={"env_vars": environment},
                log_to_driver=False,
                logging_level="ERROR",
                **size,
            )
        except (ConnectionError, ValueError) as error:
            raise UsageError(
                f"no Ray cluster answers at {self.address}: {error}",
                do="start one with `ray start --head`, or leave --address out to use this machine",
            ) from error

    def _run(self, plan: Plan, rows: Iterable[SourceRow], store: Store) -> Iterator[Outcome]:
        import ray
        import ray.data

        wanted = pools(plan.lineage.steps, ray.cluster_resources(), self.workers)
        remote = ray.remote(Ledger).options(
            num_cpus=0,
            scheduling_strategy=_at(ray.get_runtime_context().get_node_id()),
            max_restarts=-1,
            max_task_retries=-1,
        )
        ledger = remote.remote()
        if any(pool.cpus < step.needs.cpus for pool, step in zip(wanted[1:], plan.lineage.steps, strict=True)):
            # They take turns on too few cores: ending an actor frees none, and its successor loads everything anew.
            ray.data.DataContext.get_current().autoscaling_config.actor_pool_util_downscaling_threshold = _NEVER
        iterator = iter(rows)
        try:
            while window := list(itertools.islice(iterator, WINDOW)):
                yield from _told(self._dataset(plan, window, store, wanted, ledger), ledger)
        except ray.exceptions.RayError as error:
            fault = ray.get(ledger.fault.remote())
            if fault is None:
                raise
            raise fault from error
        finally:
            if ray.is_initialized():
                ray.kill(ledger)

    def _dataset(
        self, plan: Plan, window: Sequence[SourceRow], store: Store, wanted: Sequence[Pool], ledger: Any
    ) -> Any:
        import ray.data

        most = max(pool.most or 1 for pool in wanted)
        size = min(_BLOCK_MOST, max(1, len(window) // (_BLOCKS_A_WORKER * most)))
        texts = [row.model_dump_json() for row in window]
        blocks = [pa.table({"row": texts[at : at + size]}) for at in range(0, len(texts), size)]
        dataset = ray.data.from_arrow(blocks)
        steps = plan.lineage.steps
        for index, pool in zip(range(ACQUIRING, len(steps)), wanted, strict=True):
            dataset = dataset.map_batches(
                Stage,
                fn_constructor_args=(plan, store.url, index, ledger),
                fn_constructor_kwargs={"retry": self.retry},
                batch_size=None,  # a number would make Ray wait for so many before a step begins
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=pool.most),
                num_cpus=pool.cpus,
                num_gpus=pool.gpus,
                memory=pool.memory,
            )
        return dataset


def _told(dataset: Any, ledger: Any) -> Iterator[Outcome]:
    """Outcomes of a window's recordings, each once: as the ledger has them; those that it lost come with the rows."""
    import ray

    tables: SimpleQueue[pa.Table] = SimpleQueue()
    failed: list[BaseException] = []

    def travel() -> None:
        try:
            for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                tables.put(table)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
            failed.append(error)

    travelling = threading.Thread(target=travel, name="affectloom-ray", daemon=True)
    travelling.start()
    seen: set[tuple[str, str]] = set()
    is_over = False
    while not is_over:
        travelling.join(_LOOK_S)
        is_over = not travelling.is_alive()
        arrived = [tables.get() for _ in range(tables.qsize())]
        for told in itertools.chain(ray.get(ledger.take.remote()), *map(told_of, arrived)):
            if (told.recording, told.step) not in seen:
                seen.add((told.recording, told.step))
                yield told
    for error in failed:
        raise error


def _quieten() -> None:
    """Ray tells of itself what nobody asked; what becomes of recordings is told by us."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _check_shared(store: Store) -> None:
    """Say what must be shared where the store is a folder and there are several nodes, and look whether it is."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if not store.is_local or len(nodes) == 1:
        return
    print(  # noqa: T201 - for the person who starts the run
        f"{len(nodes)} nodes work on the store {store.root}: this folder and the media must be the same on all of them "
        "(a shared file system); else give --store an fsspec URL, such as s3://",
        file=sys.stderr,
    )
    store.prepare()
    look = ray.remote(_sees)
    seen = [look.options(num_cpus=0, scheduling_strategy=_at(node["NodeID"])).remote(store.url) for node in nodes]
    blind = [node["NodeManagerHostname"] for node, answer in zip(nodes, ray.get(seen), strict=True) if not answer]
    if blind:
        raise StoreError(
            f"the store {store.root} is not there on {', '.join(blind)}",
            do="put it on a file system that all nodes share, or give --store an fsspec URL, such as s3://",
        )


def _at(node: str) -> Any:
    """On this node and no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


def _sees(url: str) -> bool:
    store = Store(url)
    return store.read_or_none(f"{store.root}/recordings/.writable") is not None
