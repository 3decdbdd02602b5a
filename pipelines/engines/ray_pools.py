"""Which steps share a pool of actors, how large a pool may be, and what share of the cluster each actor asks for."""

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
    """The actors of a step, or of neighbours in the order of steps; of acquiring, where there are none.

    indexes: the steps' places in their order. cpus, gpus: a share each; memory: bytes; most: actors, None for as many
    as Ray finds room.
    """

    indexes: tuple[int, ...]
    cpus: float
    gpus: float
    memory: int
    most: int | None


def pools(steps: Sequence[Step], resources: Mapping[str, float], workers: int | None) -> list[Pool]:
    """One pool for acquiring and one for each step.

    Every pool keeps at least one actor, or recordings would wait for ever before the step that has none. Where
    the cluster is too small for that, pools of many steps would only take turns on the same cores, each with processes
    and models of its own: neighbours that need no GPU then share a pool, of at most one actor a core, and all
    actors ask for as much less as lets every pool have so many.

    Args:
        steps: in their order.
        resources: what Ray says the cluster has: CPU, GPU, memory (bytes).
        workers: actors a pool, at most. None: as many as there is room for.

    Raises:
        UsageError: a step wants a GPU, and there is none.
    """
    for step in steps:
        if step.needs.gpus and not resources.get("GPU"):
            raise UsageError(
                f"{step.key} wants a GPU, and Ray knows of none",
                do="start a node with --num-gpus, or set the measurement's device to cpu",
            )
    cpus = resources.get("CPU", 1.0)
    each = [step.needs.where(resources.get("GPU", 0.0)) for step in steps]
    small = _FIRST_SHARE * cpus < ACQUIRE_NEEDS.cpus + sum(need.cpus for need in each)
    groups = _neighbours(each) if small else [(index,) for index in range(len(each))]
    needs = [ACQUIRE_NEEDS, *(_together([each[index] for index in group]) for group in groups)]
    most = max(1, math.ceil(cpus)) if small else None
    most = most if workers is None else min(workers, most or workers)
    cpu = _share(sum(need.cpus for need in needs) * (most or 1), cpus) if small else 1.0
    gpu = _share(sum(need.gpus for need in needs), resources.get("GPU", 0.0))
    memory = _share(sum(need.memory_mb for need in needs) * 2.0**20, _FIRST_SHARE * resources.get("memory", math.inf))
    return [
        Pool(group, _floor(need.cpus * cpu), _floor(need.gpus * gpu), int(need.memory_mb * 2**20 * memory), most)
        for group, need in zip([(), *groups], needs, strict=True)
    ]


def _neighbours(needs: Sequence[Needs]) -> list[tuple[int, ...]]:
    """Places in the order of steps: each that needs a GPU alone, the others together with their neighbours."""
    groups: list[tuple[int, ...]] = []
    for index, need in enumerate(needs):
        if groups and not need.gpus and not needs[index - 1].gpus:
            groups[-1] = (*groups[-1], index)
        else:
            groups.append((index,))
    return groups


def _together(needs: Sequence[Needs]) -> Needs:
    """Of an actor with several steps: they take turns, but their models stay."""
    return Needs(
        cpus=max(need.cpus for need in needs),
        gpus=max(need.gpus for need in needs),
        memory_mb=sum(need.memory_mb for need in needs),
        batch=max(need.batch for need in needs),
    )


def _share(wanted: float, there: float) -> float:
    return min(1.0, there / wanted) if wanted else 1.0


def _floor(amount: float) -> float:
    """Down to what Ray counts in: ten-thousandths; whole numbers above one."""
    return math.floor(amount) if amount >= 1 else math.floor(amount * 1000) / 1000
