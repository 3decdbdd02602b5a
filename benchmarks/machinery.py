"""What does the machinery cost a recording, and what does a run cost that has nothing to do?

Trivial steps over many small files, with two workers; then the same again. The bare work is the same reads and
writes in one plain loop.

    python benchmarks/machinery.py [RECORDINGS]
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from rich.table import Table

from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.recipe import Recipe
from schemas.record import Record
from schemas.source import SourceRow
from schemas.step import Recording, Step


class Note(Record):
    """A text."""

    text: str


class First(Step):
    """Reads the media."""

    key: ClassVar[str] = "bench.first.v1"
    reads: ClassVar[tuple[str, ...]] = ("media",)

    @property
    def makes(self) -> tuple[str, ...]:
        """One note."""
        return ("first",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Write it down."""
        for recording in recordings:
            with recording.local("media") as path:
                recording.write("first", Note(text=path.read_text()))


class Second(Step):
    """Reads the first note."""

    key: ClassVar[str] = "bench.second.v1"
    reads: ClassVar[tuple[str, ...]] = ("first",)

    @property
    def makes(self) -> tuple[str, ...]:
        """One note."""
        return ("second",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Write it down again."""
        for recording in recordings:
            recording.write("second", recording.read("first", Note))


def bare(rows: Sequence[SourceRow], folder: Path) -> None:
    """The same reads and writes without anything around them."""
    for row in rows:
        text = Path(str(row.uri)).read_text()
        place = folder / row.id
        place.mkdir(parents=True)
        for name in ("source", "first", "second"):
            (place / name).write_text(text)


def main(count: int) -> None:
    """Measure and print."""
    table = Table("what", "seconds", "ms a recording", title=f"{count} recordings, two trivial steps, two workers")
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for index in range(count):
            path = Path(folder) / f"{index}.txt"
            path.write_text(str(index))
            rows.append(SourceRow(id=f"r{index}", uri=str(path)))
        plan = Plan(Recipe(name="bench", sources="none"), (First(), Second()))
        store = Store(f"{folder}/store")
        made = []
        runs = {
            "bare reads and writes": lambda: bare(rows, Path(folder) / "bare"),
            "first run": lambda: made.append(
                sum(told.state == "made" for told in LocalEngine(2).run(plan, rows, store))
            ),
            "run again": lambda: made.append(
                sum(told.state == "made" for told in LocalEngine(2).run(plan, rows, store))
            ),
        }
        for what, run in runs.items():
            started = time.perf_counter()
            run()
            took = time.perf_counter() - started
            table.add_row(what, f"{took:.2f}", f"{took / count * 1e3:.3f}")
        assert made == [3 * count, 0], made
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
