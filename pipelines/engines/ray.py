"""The Ray engine: one pool of actors a step, on this machine or on a cluster.

Recordings come in a stream of packets (see ray_feed), and every step works at the same time, each on other
recordings. Ray gives a packet whose actor died to another actor; the store says what of it is made already, and the
ledger (see ray_stage) who is to blame.
"""

import importlib
import itertools
import logging
import math
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from pipelines.engines.again import ONE_THREAD
from pipelines.engines.ray_feed import Packets, Travel, dataset
from pipelines.engines.ray_pools import ACQUIRE_NEEDS, Pool, pools
from pipelines.engines.ray_spread import spread
from pipelines.engines.ray_stage import Ledger, Stage
from pipelines.engines.spread import Spread
from pipelines.machine import cores
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.errors import MissingPart, StoreError, UsageError
from schemas.outcome import Outcome
from schemas.source import SourceRow

_NEVER = -1.0
_LOOK_S = 0.2
_AT_ONCE = 4
"""Actors that a pool begins with where it may have a core each: Ray adds further ones when work has queued up."""
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

        there = ray.cluster_resources()
        wanted = pools(plan.lineage.steps, there, self.workers)
        node = _at(ray.get_runtime_context().get_node_id())
        remote = ray.remote(Ledger).options(num_cpus=0, scheduling_strategy=node, max_restarts=-1, max_task_retries=-1)
        ledger = remote.remote()
        needs = [step.needs.where(there.get("GPU", 0.0)) for step in plan.lineage.steps]
        least = max((need.batch for need in needs if need.gpus), default=1)
        packets = Packets(rows, lambda: self.workers or math.ceil(ray.cluster_resources().get("CPU", 1)), least)
        try:
            stages = self._stages(dataset(ledger), plan, store, wanted, ledger)
            yield from _told(stages, packets, ledger)
        except ray.exceptions.RayError as error:
            fault = ray.get(ledger.fault.remote())
            if fault is None:
                raise
            raise fault from error
        finally:
            if ray.is_initialized():
                ray.kill(ledger)

    def _stages(self, found: Any, plan: Plan, store: Store, wanted: Sequence[Pool], ledger: Any) -> Any:
        turns = wanted[0].cpus < ACQUIRE_NEEDS.cpus
        if turns:
            # They take turns on too few cores: ending an actor frees none, and its successor loads everything anew.
            found.context.autoscaling_config.actor_pool_util_downscaling_threshold = _NEVER
        for pool in wanted:
            found = found.map_batches(
                Stage,
                fn_constructor_args=[plan, store.url, pool.indexes, ledger],
                fn_constructor_kwargs={"retry": self.retry},
                # A larger number would make Ray wait for so many packets before a step begins; with a GPU it wants one.
                batch_size=1 if pool.gpus else None,
                batch_format="pyarrow",
                compute=_pool(pool, min(_AT_ONCE, pool.most or 1) if turns and pool.indexes else 1),
                num_cpus=pool.cpus,
                num_gpus=pool.gpus,
                memory=pool.memory,
            )
        return found


def _pool(pool: Pool, at_once: int) -> Any:
    """What Ray is told of a pool of actors that begins with so many."""
    from ray.data import ActorPoolStrategy

    if at_once == pool.most:
        # All are there from the start. While one is still starting, nothing queues up behind another's packet.
        return ActorPoolStrategy(size=at_once, max_tasks_in_flight_per_actor=1)
    return ActorPoolStrategy(min_size=1, max_size=pool.most, initial_size=at_once)


def _told(stages: Any, packets: Packets, ledger: Any) -> Iterator[Outcome]:
    """Outcomes, each once: as the ledger has them; what it lost comes with the packets. Draws sources meanwhile."""
    import ray

    seen: dict[str, set[str]] = defaultdict(set)
    offered = packets.draw()
    if not offered:
        return
    travel = Travel(stages)
    travel.start()
    born, is_over = "", False
    while not is_over:
        is_over = travel.is_over(_LOOK_S)
        back = travel.back()
        life, told = ray.get(ledger.exchange.remote(offered, packets.first, packets.end))
        if born and life != born:  # another ledger, which knows nothing
            told += ray.get(ledger.exchange.remote(packets.on_the_way, packets.first, packets.end))[1]
        born = life
        for one in itertools.chain(told, *(outcomes for _, outcomes in back)):
            if one.step not in seen[one.recording]:
                seen[one.recording].add(one.step)
                packets.told(one)
                yield one
        for number, outcomes in back:  # of these the ledger has told all that it ever will
            packets.arrived(number)
            for one in outcomes:
                seen.pop(one.recording, None)
        offered = packets.draw()
    travel.check()


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
