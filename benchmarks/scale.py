"""What does each engine's machinery cost with very many recordings, and does the driver's memory grow with them?

    python benchmarks/scale.py [--sizes 10000,100000] [--engines local,ray,beam] [--workers 2]
    python benchmarks/scale.py --demo [--engines local,ray,beam] [--workers 2]

One trivial step over recordings that are a text each, drawn from a generator; then the same again, with nothing to do.
Driver memory is the peak of the driver's own process (`VmHWM`; it holds Beam's direct runner too):
each run has a process of its own. `--demo` builds the demo's clips instead, several copies of each, and then three
times as many: what the further ones took is the throughput without start-up, whatever an engine's start-up consists of.
"""

import argparse
import importlib
import itertools
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from rich.table import Table

from pipelines.engines import Engine, engine
from pipelines.plan import Plan
from pipelines.reporting.progress import Tally
from pipelines.store import Store
from schemas.recipe import Recipe
from schemas.record import Record
from schemas.source import SourceRow
from schemas.step import Needs, Recording, Step


class Note(Record):
    """A text."""

    text: str


class Trivial(Step):
    """Writes its recording's id down."""

    key: ClassVar[str] = "bench.trivial.v1"
    reads: ClassVar[tuple[str, ...]] = ("text",)

    @property
    def makes(self) -> tuple[str, ...]:
        """One note."""
        return ("note",)

    @property
    def needs(self) -> Needs:
        """Batches, as quick steps have."""
        return Needs(batch=16)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Write it down."""
        for recording in recordings:
            recording.write("note", Note(text=recording.id))


def rows(count: int) -> Iterator[SourceRow]:
    """Recordings that are a text each, one at a time."""
    for index in range(count):
        yield SourceRow(id=f"r{index:07}", text=f"recording {index}")


def peak_mb() -> float:
    """Of this process, since it began."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def one(made: Engine, count: int, store: str, sources: Iterable[SourceRow], plan: Plan) -> dict[str, float]:
    """One run in this process: seconds in all and to the first outcome, the driver's peak memory, what was made."""
    last = plan.lineage.steps[-1].key
    tally = Tally()
    started = time.perf_counter()
    first = 0.0
    for told in made.run(plan, sources, Store(store)):
        first = first or time.perf_counter() - started
        tally.add(told, last)
    assert tally.finished == count, (tally.finished, count)
    found = float(sum(counts["made"] for counts in tally.steps.values()))
    return {
        "seconds": time.perf_counter() - started,
        "first": first,
        "recordings": count,
        "mb": peak_mb(),
        "made": found,
        "failed": len(tally.failed),
    }


def apart(arguments: Sequence[str]) -> dict[str, float]:
    """A run in a process of its own."""
    environment = {**os.environ, "RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE", "disabled")}
    told = subprocess.run(
        [sys.executable, __file__, "--one", *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    found: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    return found


def scale(engines: Sequence[str], sizes: Sequence[int], workers: int, console: Console) -> None:
    """Both runs of every engine at every size."""
    table = Table("engine", "recordings", "s", "ms each", "driver MB", "again s", "again ms each", "again driver MB")
    for name, count in itertools.product(engines, sizes):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [name, str(count), str(workers), f"{folder}/store"]
            run, again = apart(arguments), apart(arguments)
            listed = time.perf_counter()
            assert len(Store(f"{folder}/store").listing(f"{folder}/store/recordings")) >= count
            listed = time.perf_counter() - listed
        assert (run["made"], again["made"]) == (2 * count, 0), (run, again)
        cells = [f"{value:.4g}" for value in _cells(run, again, count)]
        table.add_row(name, str(count), *cells)
        console.print(
            f"{name} {count}: " + " ".join(cells) + f"; one listing of the recordings' names {listed * 1e3:.0f} ms"
        )
    console.print(table)


def _cells(run: dict[str, float], again: dict[str, float], count: int) -> list[float]:
    return [value for one in (run, again) for value in (one["seconds"], one["seconds"] / count * 1e3, one["mb"])]


def demo(engines: Sequence[str], workers: int, copies: int, console: Console) -> None:
    """Throughput on the sample recipe; one run of each engine after the other on an empty store."""
    table = Table("engine", "clips", "s", "clips", "s", "start s", "further clips a minute", "of local")
    base = 0.0
    for name in engines:
        with tempfile.TemporaryDirectory() as folder:
            few, many = (
                apart([name, str(copies * times), str(workers), f"{folder}/store{times}", f"{folder}/{times}"])
                for times in (1, 3)
            )
        assert not few["failed"] + many["failed"]
        each = (many["seconds"] - few["seconds"]) / (many["recordings"] - few["recordings"])
        base = base or each
        start = few["seconds"] - each * few["recordings"]
        numbers = [value for run in (few, many) for value in (run["recordings"], run["seconds"])]
        cells = [*(f"{value:.0f}" for value in (*numbers, start)), f"{60 / each:.1f}", f"{base / each:.2f}"]
        table.add_row(name, *cells)
        console.print(name, *cells)
    console.print(table)


def _demo_run(name: str, copies: int, workers: int, store: str, folder: str) -> dict[str, float]:
    from pipelines import work
    from pipelines.demonstrate import write_recipe

    Path(folder).mkdir(exist_ok=True)
    write_recipe(Path(folder) / "recipe.yaml", Console(stderr=True, quiet=True))
    loaded = work.load(Path(folder) / "recipe.yaml")
    given = list(work.rows_of(loaded, Store(store)))
    many = [row.model_copy(update={"id": f"{row.id}-{number}"}) for number in range(copies) for row in given]
    return one(engine(name, workers), len(many), store, many, loaded.plan)


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        name, count, workers, store, *folder = sys.argv[2:]
        logging.disable(logging.WARNING)
        if folder:
            found = _demo_run(name, int(count), int(workers), store, folder[0])
        else:
            importable = importlib.import_module("scale")  # as workers find the step, who have another `__main__`

            plan = Plan(Recipe(name="bench", sources="none"), (importable.Trivial(),))
            found = one(engine(name, int(workers)), int(count), store, rows(int(count)), plan)
        print(json.dumps(found))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--engines", default="local,ray,beam")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--copies", type=int, default=4, help="of each of the demo's clips")
    given = parser.parse_args()
    engines = given.engines.split(",")
    console = Console(width=160)
    if given.demo:
        demo(engines, given.workers, given.copies, console)
    else:
        scale(engines, [int(size) for size in given.sizes.split(",")], given.workers, console)


if __name__ == "__main__":
    main()
