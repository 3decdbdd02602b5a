"""How large a step's actor pool may be, and what share of the cluster each of its actors asks for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import UsageError
from schemas.step import Needs, Step

_FIRST_SHARE = 0.5
"""Of the cluster for the first actor of every pool: the other half is what pools grow into."""
ACQUIRE_NEEDS = Needs(cpus=0.5, memory_mb=200)
"""Acquiring waits for discs and networks."""


@dataclass(frozen=True)
class Pool:
    """One step's actors. cpus, gpus: a share each; memory: bytes; most: actors, None for as many as Ray finds room."""

    cpus: float
    gpus: float
    memory: int
    most: int | None


def pools(steps: Sequence[Step], resources: Mapping[str, float], workers: int | None) -> list[Pool]:
    """One pool for acquiring and one for each step.

    Every pool keeps at least one actor, or recordings would wait for ever before the step that has none. Where
    the cluster is too small for one whole actor a step, all ask for less than they need, in proportion: they then take
    turns on the cores, as processes do.

    Args:
        steps: in their order.
        resources: what Ray says the cluster has: CPU, GPU, memory (bytes).
        workers: actors a pool, at most. None: as many as there is room for.

    Raises:
        UsageError: a step wants a GPU, and there is none.
    """
    needs = [ACQUIRE_NEEDS, *(step.needs for step in steps)]
    for step in steps:
        if step.needs.gpus and not resources.get("GPU"):
            raise UsageError(
                f"{step.key} wants a GPU, and Ray knows of none",
                do="start a node with --num-gpus, or set the measurement's device to cpu",
            )
    cpu = _share(sum(need.cpus for need in needs), resources.get("CPU", 1.0))
    gpu = _share(sum(need.gpus for need in needs), resources.get("GPU", 0.0), first=1.0)
    memory = _share(sum(need.memory_mb for need in needs) * 2.0**20, resources.get("memory", math.inf))
    small = cpu < 1
    most = workers or (max(1, math.ceil(resources.get("CPU", 1.0))) if small else None)
    return [
        Pool(_floor(need.cpus * cpu), _floor(need.gpus * gpu), int(need.memory_mb * 2**20 * memory), most)
        for need in needs
    ]


def _share(wanted: float, there: float, *, first: float = _FIRST_SHARE) -> float:
    return min(1.0, first * there / wanted) if wanted else 1.0


def _floor(amount: float) -> float:
    """Down to what Ray counts in: ten-thousandths; whole numbers above one."""
    return math.floor(amount) if amount >= 1 else math.floor(amount * 1000) / 1000
