"""How recordings reach Ray one packet after the other, for as long as there are any, in one execution.

The driver draws source rows as others come to their end, so that neither it nor Ray's books grow with their number. It
offers packets to the ledger, and one task takes them from there and hands them to Ray Data.
"""

import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any

import pyarrow as pa

from pipelines.engines.ray_stage import told_of
from schemas.outcome import Outcome
from schemas.source import SourceRow

MOST = 16
"""Recordings that travel together, at most: enough that Ray's overhead is shared, few enough that all have some."""
_UNKNOWN = 4
"""The same while nobody knows how long a recording takes, and the packets a worker then."""
_PACKET_S = 10.0
"""A packet is to take no longer than that in all its steps, so that no worker has much left while others have none."""
_SHARE = 8
"""Packets that the recordings at hand are dealt out to, for each worker."""
_AHEAD_S = 20.0
_AHEAD_MOST = 32
"""What is on its way for each worker: so many seconds, and no more packets."""
_WAIT_S = 0.05


class Packets:
    """The driver's end: what is on its way, and how much may travel together."""

    def __init__(self, rows: Iterable[SourceRow], workers: Callable[[], int], least: int) -> None:
        """Workers: how many may work at the same time. least: recordings a packet, where there are enough: a GPU's."""
        self._rows = iter(rows)
        self._workers = workers
        self._least = min(least, MOST)
        self._drawn: deque[str] = deque()
        self._is_over = False
        self._count = 0
        self._sizes: dict[int, int] = {}
        self._seconds = 0.0
        self._finished = 0
        self.on_the_way: dict[int, str] = {}

    @property
    def first(self) -> int:
        """The first that has not come back; those before it are done with."""
        return min(self.on_the_way, default=self._count)

    @property
    def end(self) -> int | None:
        """How many there are in all, once the last is on its way."""
        return self._count if self._is_over and not self._drawn else None

    def draw(self) -> dict[int, str]:
        """Further packets, as many as there is room for."""
        workers = max(1, self._workers())
        made: dict[int, str] = {}
        while len(self._sizes) < workers * self._ahead():
            wanted = workers * _SHARE * MOST - len(self._drawn)  # so many at hand, to see the end before it comes
            if not self._is_over and wanted > 0:
                drawn = [row.model_dump_json() for row in itertools.islice(self._rows, wanted)]
                self._drawn += drawn
                self._is_over = len(drawn) < wanted
            if not self._drawn:
                break
            size = min(self._size(workers), len(self._drawn))
            rows = [self._drawn.popleft() for _ in range(size)]
            made[self._count] = json.dumps({"number": self._count, "rows": rows}, ensure_ascii=False)
            self._sizes[self._count] = size
            self._count += 1
        self.on_the_way.update(made)
        return made

    def told(self, one: Outcome) -> None:
        """Learn how long recordings take."""
        self._seconds += one.seconds

    def arrived(self, number: int) -> None:
        """One has passed all stages."""
        self.on_the_way.pop(number, None)
        self._finished += self._sizes.pop(number, 0)

    def _ahead(self) -> int:
        """Packets on their way, for each worker."""
        if not self._finished:
            return _UNKNOWN
        quick = int(_AHEAD_S * self._finished / max(self._seconds * MOST, 1e-9))
        return max(_UNKNOWN, min(_AHEAD_MOST, quick))

    def _size(self, workers: int) -> int:
        quick = int(_PACKET_S * self._finished / max(self._seconds, 1e-9)) if self._finished else _UNKNOWN
        many = len(self._drawn)
        # A GPU's batch is filled as far as every worker still gets one.
        shared = max(many // (_SHARE * workers), min(self._least, -(-many // workers)))
        return max(1, min(max(quick, self._least), MOST, shared))


class Travel(threading.Thread):
    """Packets on their way through all stages, and those that are back."""

    def __init__(self, stages: Any) -> None:
        super().__init__(name="affectloom-ray", daemon=True)
        self._stages = stages
        self._back: SimpleQueue[str] = SimpleQueue()
        self._error: BaseException | None = None

    def run(self) -> None:
        """To the end, keeping what went wrong for the driver's own thread."""
        try:
            for table in self._stages.iter_batches(batch_size=None, batch_format="pyarrow"):
                for packet in table["packet"].to_pylist():
                    self._back.put(packet)
        except BaseException as error:  # noqa: BLE001 - raised again by `check`
            self._error = error

    def is_over(self, wait_s: float) -> bool:
        """Whether nothing more will come back; waits for that."""
        self.join(wait_s)
        return not self.is_alive()

    def back(self) -> list[tuple[int, list[Outcome]]]:
        """What came back since the last time: numbers, and outcomes."""
        return [told_of(self._back.get()) for _ in range(self._back.qsize())]

    def check(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error


def dataset(ledger: Any) -> Any:
    """A Ray Dataset of packets, one in each block, for as long as the driver offers any."""
    import ray.data
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    class Offered(Datasource):  # type: ignore[misc]  # Ray has no types here
        def get_name(self) -> str:
            return "Sources"

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ReadTask(lambda: _packets(ledger), unknown)]

    found = ray.data.read_datasource(Offered(), override_num_blocks=1, num_cpus=0)
    found.context.target_max_block_size = 1  # else Ray would wait for many packets to make a block of
    return found


def _packets(ledger: Any) -> Iterator[pa.Table]:
    """In a task of Ray's: packets as the driver offers them. Begun anew, it tells the same again."""
    import ray

    for number in itertools.count():
        while (packet := ray.get(ledger.packet.remote(number))) == "":
            time.sleep(_WAIT_S)
        if packet is None:
            return
        yield pa.table({"packet": [packet]})
