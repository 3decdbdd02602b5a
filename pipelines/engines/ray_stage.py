"""What runs inside Ray's actors: one step, or a few in a row, on packets of ids, and the ledger beside them.

Rows are Arrow tables of one column, `packet`, each a JSON object: `number`, and `recordings`, each its id with the
outcomes so far. Before the first stage it holds `rows` instead: source rows as JSON.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import uuid4

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
Told = list[dict[str, Any]]
"""Outcomes of one recording, as JSON has them."""


class Ledger:
    """Which recordings were begun and not ended: whoever is found here has seen its worker die.

    A small actor on the driver's node, where no step runs in its process. It holds what is being worked on,
    what became of recordings until the driver takes it, and packets until they have come back to the driver.
    """

    def __init__(self) -> None:
        _die_with_the_parent()
        self._born = uuid4().hex
        self._begun: dict[Key, int] = {}
        self._told: list[Outcome] = []
        self._fault: AffectloomError | None = None
        self._packets: dict[int, str] = {}
        self._first = 0
        self._end: int | None = None

    def exchange(self, packets: Mapping[int, str], first: int, end: int | None) -> tuple[str, list[Outcome]]:
        """Take further packets; give what has become of recordings since the last time.

        first: packets before it have come back. end: how many there are in all, once that is known.
        The first thing told names this life of the ledger: where it is a new one, packets must be offered again.
        """
        self._packets.update(packets)
        for number in [number for number in self._packets if number < first]:
            del self._packets[number]
        self._first, self._end = first, end
        told, self._told = self._told, []
        return self._born, told

    def packet(self, number: int) -> str | None:
        """A packet; empty where it is not there yet, None after the last."""
        if number < self._first:  # it is back already: who asks has died since, and nobody will look at the answer
            return json.dumps({"number": number, "rows": []})
        return None if number == self._end else self._packets.get(number, "")

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

    def stop(self, fault: AffectloomError) -> None:
        """Keep why the run cannot go on; the first reason stands."""
        self._fault = self._fault or fault

    def fault(self) -> AffectloomError | None:
        """Why the run cannot go on, if it cannot."""
        return self._fault


class Stage:
    """Steps that follow each other in one actor, each with its model loaded at most once; or acquiring.

    The ledger is asked once for all recordings that travel together: asking for each costs more than a small step.
    """

    def __init__(self, plan: Plan, url: str, indexes: Sequence[int], ledger: Any, *, retry: bool) -> None:
        _die_with_the_parent()
        self._runner = Runner(plan, Store(url))
        self._indexes = indexes
        self._ledger = ledger
        self._retry = retry
        self._last: Any = None

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Packets to the same packets, with what became of their recordings."""
        import ray

        try:
            return pa.table({"packet": [self._packet(json.loads(text)) for text in batch["packet"].to_pylist()]})
        except AffectloomError as fault:
            # Ray wraps what a stage raises beyond recognition: the driver asks the ledger for it.
            ray.get(self._ledger.stop.remote(fault))
            raise

    def _packet(self, packet: dict[str, Any]) -> str:
        if "rows" in packet:
            recordings = self._acquire([SourceRow.model_validate_json(row) for row in packet["rows"]])
        else:
            recordings = dict(packet["recordings"])
        for index in self._indexes:
            going = [one for one, outcomes in recordings.items() if not _is_out(outcomes)]
            for told in self._attempt(index, going, partial(self._run, index)):
                recordings[told.recording].append(asdict(told))
        self._settle()
        return json.dumps({"number": packet["number"], "recordings": list(recordings.items())}, ensure_ascii=False)

    def _acquire(self, rows: Sequence[SourceRow]) -> dict[str, Told]:
        by_id = {row.id: row for row in rows}
        told = self._attempt(
            ACQUIRING, list(by_id), lambda ids: [take_in(self._runner, by_id[one], retry=self._retry) for one in ids]
        )
        return {one.recording: [asdict(one)] for one in told}

    def _run(self, index: int, ids: Sequence[str]) -> list[Outcome]:
        import ray

        most = self._runner.lineage.steps[index].needs.where(len(ray.get_gpu_ids())).batch
        return [told for at in range(0, len(ids), most) for told in self._runner.run(index, ids[at : at + most])]

    def _attempt(
        self, index: int, ids: Sequence[str], work: Callable[[Sequence[str]], list[Outcome]]
    ) -> Iterator[Outcome]:
        """All in batches; one by one where an actor has died with any of them before."""
        import ray

        if not ids:
            return
        if ray.get(self._ledger.begin.remote(index, ids)):
            told = work(ids)
            self._last = self._ledger.end.remote(index, ids, told)
            yield from told
            return
        for one in ids:
            deaths = ray.get(self._ledger.begin_alone.remote(index, one))
            told = work([one]) if deaths < DEATHS_ALONE else [self._give_up(index, one, deaths)]
            self._last = self._ledger.end.remote(index, [one], told)
            yield from told

    def _settle(self) -> None:
        """Wait until the ledger knows all: what is back at the driver, nobody tells of any more."""
        import ray

        if self._last is not None:
            ray.get(self._last)

    def _give_up(self, index: int, recording_id: str, deaths: int) -> Outcome:
        lineage = self._runner.lineage
        recording = self._runner.store.open(recording_id, lineage)
        step = None if index == ACQUIRING else lineage.steps[index]
        return give_up(recording, step, "Ray's logs on its node say how", deaths=f"{deaths} times")


def _is_out(outcomes: Told) -> bool:
    """Whether the source could not be had: there is nothing for a step to do, or to tell."""
    return bool(outcomes[0]["step"] == ACQUIRE and outcomes[0]["state"] == "failed")


def told_of(packet: str) -> tuple[int, list[Outcome]]:
    """A packet's number, and the outcomes that it holds, recording by recording."""
    read = json.loads(packet)
    told = [one for _, outcomes in read["recordings"] for one in outcomes]
    return read["number"], [Outcome(**{**one, "absent": tuple(one["absent"])}) for one in told]


def _die_with_the_parent() -> None:
    """An actor whose node has gone is nobody's: Ray's own look for that has been seen to leave one behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
