"""Run a command and tell what it cost: wall time, CPU time and memory, children included (Linux)."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

AFFECTLOOM = (sys.executable, "-c", "from pipelines.cli import main; main()")
"""The command `affectloom` of this checkout, installed or not."""
ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass
class Cost:
    """Of one command and all its children that it waited for.

    peak_mb: largest sum over the processes alive at one moment, pages they share counted once (PSS); 0 if not asked.
    each_mb: for each process, by what it is, its own largest resident size; of several alike, the largest.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float = 0.0
    each_mb: dict[str, float] = field(default_factory=dict)
    output: str = ""


def run(
    command: Sequence[str],
    *,
    cores: int | None = None,
    environment: Mapping[str, str] | None = None,
    memory: bool = False,
    expect: Iterable[int] = (0,),
) -> Cost:
    """Run to the end. Exits with the command's own words where it fails.

    cores: it and its children may use so many cores; None: all.
    """
    before = os.times()
    started = time.perf_counter()
    child = subprocess.Popen(
        list(command),
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, some_cores(cores)),  # noqa: PLW1509
    )
    watch = _Watch(child.pid) if memory else None
    output = child.communicate()[0]
    wall = time.perf_counter() - started
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    if watch is not None:
        watch.stop()
    if child.returncode not in expect:
        sys.exit(f"{' '.join(command)}\nended with code {child.returncode}:\n{output[-3000:]}")
    cost = Cost(wall, cpu, output=output)
    if watch is not None:
        cost.peak_mb, cost.each_mb = watch.peak_kb / 1024, {name: kb / 1024 for name, kb in watch.each_kb.items()}
    return cost


def some_cores(count: int) -> set[int]:
    """The first cores of those there are."""
    return set(sorted(os.sched_getaffinity(0))[:count])


def median(costs: Sequence[Cost]) -> Cost:
    """Of several runs of the same: medians of the times, and the largest memory."""
    most: dict[str, float] = {}
    for cost in costs:
        for name, megabytes in cost.each_mb.items():
            most[name] = max(most.get(name, 0.0), megabytes)
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        max(cost.peak_mb for cost in costs),
        most,
    )


def machine() -> str:
    """One line on where this runs."""
    names = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    )
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} cores, {next(names, 'unknown')}, load {load:.1f}"


def word_errors(found: Sequence[str], wanted: Sequence[str]) -> int:
    """Levenshtein distance between two lists of words."""
    row = list(range(len(wanted) + 1))
    for index, word in enumerate(found, 1):
        diagonal, row[0] = row[0], index
        for place, other in enumerate(wanted, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other))
    return row[-1]


def plain_words(text: str) -> list[str]:
    """Words in small letters without punctuation."""
    kept = "".join(sign if sign.isalnum() or sign == "'" else " " for sign in text.lower())
    return kept.split()


def bytes_under(folder: Path) -> int:
    """Of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class _Watch:
    """Looks at a tree of processes four times a second."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.peak_kb = 0
        self.each_kb: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.25):
            together = 0
            for pid in _tree(self.root):
                with suppress(OSError, ValueError):
                    together += _kilobytes(pid, "smaps_rollup", "Pss:")
                    name = "driver" if pid == self.root else _name(pid)
                    self.each_kb[name] = max(self.each_kb.get(name, 0), _kilobytes(pid, "status", "VmHWM:"))
            self.peak_kb = max(self.peak_kb, together)


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(path.name))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def _name(pid: int) -> str:
    name = Path(f"/proc/{pid}/comm").read_text().strip()
    if name.startswith("python"):
        line = Path(f"/proc/{pid}/cmdline").read_text()
        return "keeper" if "resource_tracker" in line else "worker"
    return name


def _kilobytes(pid: int, file: str, key: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0
