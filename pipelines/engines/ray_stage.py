"""What runs inside Ray's actors: one step on batches of ids, and the ledger that outlives an actor's death.

Rows are Arrow tables of two columns, `id` and `told`: the outcomes so far, as JSON. Before the first stage there is
one column, `row`: a source row as JSON.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from pipelines.engines.again import give_up, take_in
from pipelines.plan import Plan
from pipelines.runner import ACQUIRE, Runner
from pipelines.store import Store
from schemas.errors import AffectloomError
from schemas.outcome import Outcome
from schemas.source import SourceRow

ACQUIRING = -1
"""Stands for acquiring where others have a step's place in the lineage."""
DEATHS_ALONE = 4
"""So many deaths while alone with a recording, and it is given up: workers die by chance too, but not so often."""

Key = tuple[int, str]


class Ledger:
    """Which recordings were begun and not ended: whoever is found here has seen its worker die.

    A small actor on the driver's node, where no step runs in its process. It holds what is being worked on, and
    what became of recordings until the driver takes it.
    """

    def __init__(self) -> None:
        self._begun: dict[Key, int] = {}
        self._told: list[Outcome] = []
        self._fault: AffectloomError | None = None

    def begin(self, index: int, ids: Sequence[str]) -> bool:
        """Mark a batch as begun, and answer True; False where any of it was begun before: then nothing is marked."""
        keys = [(index, one) for one in ids]
        if any(key in self._begun for key in keys):
            return False
        self._begun.update(dict.fromkeys(keys, int(len(keys) == 1)))
        return True

    def begin_alone(self, index: int, recording_id: str) -> int:
        """Mark one as begun alone; how often it was so before without coming to an end."""
        before = self._begun.get((index, recording_id), 0)
        self._begun[index, recording_id] = before + 1
        return before

    def end(self, index: int, ids: Sequence[str], told: Sequence[Outcome]) -> None:
        """Forget those that came to an end, whatever end."""
        for one in ids:
            self._begun.pop((index, one), None)
        self._told += told

    def take(self) -> list[Outcome]:
        """What has become of recordings since the last time: long before their rows have come through all stages."""
        told, self._told = self._told, []
        return told

    def stop(self, fault: AffectloomError) -> None:
        """Keep why the run cannot go on; the first reason stands."""
        self._fault = self._fault or fault

    def fault(self) -> AffectloomError | None:
        """Why the run cannot go on, if it cannot."""
        return self._fault


class Stage:
    """One step in one actor, with its model loaded at most once.

    The ledger is asked once for all rows that travel together: asking for each recording costs more than a small step.
    """

    def __init__(self, plan: Plan, url: str, index: int, ledger: Any, *, retry: bool) -> None:
        self._runner = Runner(plan, Store(url))
        self._index = index
        self._ledger = ledger
        self._retry = retry

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A batch of ids (of source rows, where the stage acquires) to the same ids, with what became of each."""
        import ray

        try:
            return self._acquire(batch) if self._index == ACQUIRING else self._step(batch)
        except AffectloomError as fault:
            # Ray wraps what a stage raises beyond recognition: the driver asks the ledger for it.
            ray.get(self._ledger.stop.remote(fault))
            raise

    def _acquire(self, batch: pa.Table) -> pa.Table:
        rows = {row.id: row for row in map(SourceRow.model_validate_json, batch["row"].to_pylist())}
        told = self._attempt(
            list(rows), lambda ids: [take_in(self._runner, rows[one], retry=self._retry) for one in ids]
        )
        return _table(list(rows), [[asdict(one)] for one in told])

    def _step(self, batch: pa.Table) -> pa.Table:
        ids = batch["id"].to_pylist()
        before = [json.loads(text) for text in batch["told"].to_pylist()]
        going = [one for one, outcomes in zip(ids, before, strict=True) if not _is_out(outcomes)]
        told = self._attempt(going, self._run) if going else []
        now = dict(zip(going, told, strict=True))
        after = [
            [*outcomes, asdict(now[one])] if one in now else outcomes for one, outcomes in zip(ids, before, strict=True)
        ]
        return _table(ids, after)

    def _run(self, ids: Sequence[str]) -> list[Outcome]:
        most = self._runner.lineage.steps[self._index].needs.batch
        return [told for at in range(0, len(ids), most) for told in self._runner.run(self._index, ids[at : at + most])]

    def _attempt(self, ids: Sequence[str], work: Callable[[Sequence[str]], list[Outcome]]) -> list[Outcome]:
        """All in batches; one by one where an actor has died with any of them before."""
        import ray

        if ray.get(self._ledger.begin.remote(self._index, ids)):
            told = work(ids)
            self._ledger.end.remote(self._index, ids, told)
            return told
        all_told: list[Outcome] = []
        for one in ids:
            deaths = ray.get(self._ledger.begin_alone.remote(self._index, one))
            mine = work([one]) if deaths < DEATHS_ALONE else [self._give_up(one, deaths)]
            self._ledger.end.remote(self._index, [one], mine)
            all_told += mine
        return all_told

    def _give_up(self, recording_id: str, deaths: int) -> Outcome:
        lineage = self._runner.lineage
        recording = self._runner.store.open(recording_id, lineage)
        step = None if self._index == ACQUIRING else lineage.steps[self._index]
        return give_up(recording, step, "Ray's logs on its node say how", deaths=f"{deaths} times")


def _is_out(outcomes: list[dict[str, Any]]) -> bool:
    """Whether the source could not be had: there is nothing for a step to do, or to tell."""
    return bool(outcomes[0]["step"] == ACQUIRE and outcomes[0]["state"] == "failed")


def _table(ids: Sequence[str], told: Iterable[list[dict[str, Any]]]) -> pa.Table:
    texts = [json.dumps(outcomes, ensure_ascii=False) for outcomes in told]
    return pa.table({"id": pa.array(ids, pa.string()), "told": pa.array(texts, pa.string())})


def told_of(table: pa.Table) -> list[Outcome]:
    """The outcomes that a table holds, recording by recording."""
    return [
        Outcome(**{**one, "absent": tuple(one["absent"])})
        for text in table["told"].to_pylist()
        for one in json.loads(text)
    ]
