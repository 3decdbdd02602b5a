"""Does a Ray build survive its workers and its nodes? Kills them while it runs, and compares the store with a calm one.

    python benchmarks/chaos.py actors   # kill an actor every four seconds, at least 20 times
    python benchmarks/chaos.py node     # two nodes on this machine; one is removed, hard, in the middle
    python benchmarks/chaos.py full     # the store's disk is full for a while (as root: it mounts a small one)
    python benchmarks/chaos.py readonly # the store's disk takes no writes for a while

Prints JSON: recordings, deaths, seconds, how often steps were begun, how often again though no worker had died at it,
and whether the stores are the same. Where the disk gave out, also what the first run ended with; a second one goes on
once the disk is well again.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from pipelines.engines import engine
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.errors import StoreError
from schemas.recipe import Recipe
from schemas.record import Record
from schemas.source import SourceRow
from schemas.step import Recording, Step

RECORDINGS = 220
SECONDS_A_STEP = 0.4
EVERY_S = 4.0


class Said(Record):
    """What a step found."""

    text: str


class First(Step):
    """Takes its time with the media; leaves a mark for each recording begun."""

    key: ClassVar[str] = "chaos.first.v1"
    reads: ClassVar[tuple[str, ...]] = ("media",)
    marks: str

    @property
    def makes(self) -> tuple[str, ...]:
        """`first`."""
        return ("first",)

    def identity(self) -> dict[str, object]:
        """The marks are no part of it."""
        return {"key": self.key}

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Sleep and write."""
        for recording in recordings:
            Path(self.marks, f"{recording.id}.{self.makes[0]}.{os.getpid()}.{time.monotonic_ns()}").touch()
            time.sleep(SECONDS_A_STEP)
            with recording.local("media") as path:
                recording.write(self.makes[0], Said(text=path.read_text()))


class Second(First):
    """The same, after the first."""

    key: ClassVar[str] = "chaos.second.v1"
    reads: ClassVar[tuple[str, ...]] = ("media", "first")

    @property
    def makes(self) -> tuple[str, ...]:
        """`second`."""
        return ("second",)


def actors() -> list[int]:
    """Process ids of the step actors that live, of this process's own Ray alone."""
    names: dict[int, bytes] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(path.name)] = (path / "cmdline").read_bytes()
        except OSError:
            continue

    def is_ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    # Those that are still being made are spared: on a busy machine none would ever come to work.
    at_work = {
        pid for pid, name in names.items() if b"MapWorker(MapBatches(Stage))" in name and b"__init__" not in name
    }
    return sorted(pid for pid in at_work if is_ours(pid))


@contextmanager
def killing(deaths: list[int]) -> Iterator[None]:
    """Kill one actor after another, each time another place in their order."""
    over = threading.Event()

    def strike() -> None:
        while not over.wait(EVERY_S):
            living = actors()
            if living:
                victim = living[len(deaths) % len(living)]
                os.kill(victim, signal.SIGKILL)
                deaths.append(victim)

    striker = threading.Thread(target=strike)
    striker.start()
    try:
        yield
    finally:
        over.set()
        striker.join()


@contextmanager
def losing_a_node(deaths: list[int], marks: Path) -> Iterator[str]:
    """Two nodes, of which one goes when a third of the work has begun. Gives the address."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    second = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()

    def strike() -> None:
        while len(list(marks.iterdir())) < RECORDINGS * 2 / 3:
            time.sleep(0.2)
        deaths.append(len(actors()))
        cluster.remove_node(second, allow_graceful=False)

    threading.Thread(target=strike, daemon=True).start()
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


@contextmanager
def a_bad_disk(how: str, store: Path, marks: Path) -> Iterator[threading.Event]:
    """A small disk for the store, which gives out when a third of the work has begun. Set the event to mend it."""
    store.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(store)], check=True)
    filler, mend = store / "filler", threading.Event()

    def remount(mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(store)], check=True)

    def strike() -> None:
        while len(list(marks.iterdir())) < RECORDINGS * 2 / 3:
            time.sleep(0.1)
        if how == "full":
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            mend.wait()
            filler.unlink()
        else:
            # A mount that somebody writes to just now is busy.
            while subprocess.run(
                ["mount", "-o", "remount,ro", str(store)], check=False, capture_output=True
            ).returncode:
                time.sleep(0.01)
            mend.wait()
            remount("rw")

    striker = threading.Thread(target=strike, daemon=True)
    striker.start()
    try:
        yield mend
    finally:
        mend.set()
        striker.join()
        subprocess.run(["umount", "-l", str(store)], check=True)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a store's recordings."""
    root = folder / "recordings"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".writable"
    }


def _in_vain(marks: Path, killed: set[int]) -> int:
    """How often a step was begun on a recording again whose worker had not been killed."""
    begun: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for path in marks.iterdir():
        recording, step, pid, moment = path.name.split(".")
        begun[recording, step].append((int(moment), int(pid)))
    return sum(pid not in killed for times in begun.values() for _, pid in sorted(times)[:-1])


def main(how: str) -> None:
    """One build in chaos, one in peace."""
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "in").mkdir()
    (folder / "marks").mkdir()
    (folder / "calm").mkdir()
    rows = []
    for index in range(RECORDINGS):
        path = folder / "in" / f"{index}.txt"
        path.write_text(f"recording {index}")
        rows.append(SourceRow(id=f"r{index:03d}", uri=str(path)))
    marks = folder / "marks"
    plan = Plan(Recipe(name="chaos", sources="x"), (First(marks=str(marks)), Second(marks=str(marks))))
    deaths: list[int] = []
    told: dict[str, Any] = {}
    kept: dict[str, bytes] | None = None
    started = time.monotonic()
    if how == "node":
        with losing_a_node(deaths, marks) as address:
            started = time.monotonic()
            runs = engine("ray", 2, options=[f"--address={address}"])
            outcomes = list(runs.run(plan, rows, Store(str(folder / "store"))))
            seconds = time.monotonic() - started
    elif how in ("full", "readonly"):
        with a_bad_disk(how, folder / "store", marks) as mend:
            try:
                list(engine("ray", 2).run(plan, rows, Store(str(folder / "store"))))
            except StoreError as error:
                told["ended_with"] = f"{error.what} -> {error.do}"
            told["made_before"] = len(snapshot(folder / "store"))
            mend.set()
            time.sleep(1)
            outcomes = list(engine("ray", 2).run(plan, rows, Store(str(folder / "store"))))
            seconds = time.monotonic() - started
            kept = snapshot(folder / "store")
    else:
        with killing(deaths):
            outcomes = list(engine("ray", 2).run(plan, rows, Store(str(folder / "store"))))
            seconds = time.monotonic() - started
    begun = Counter(tuple(path.name.split(".")[:2]) for path in marks.iterdir())
    in_vain = _in_vain(marks, set(deaths)) if how == "actors" else None
    peace = str(folder / "calm")
    calm = Plan(plan.recipe, (First(marks=peace), Second(marks=peace)))
    list(engine("local", 8).run(calm, rows, Store(str(folder / "peace"))))
    kept = snapshot(folder / "store") if kept is None else kept
    print(
        json.dumps(
            {
                "how": how,
                **told,
                "recordings": len({one.recording for one in outcomes}),
                "outcomes": len(outcomes),
                "failed": sum(one.state == "failed" for one in outcomes),
                "actors_when_the_node_went" if how == "node" else "deaths": deaths if how == "node" else len(deaths),
                "seconds": round(seconds, 1),
                "steps_begun": sum(begun.values()),
                "steps_needed": 2 * RECORDINGS,
                **({} if in_vain is None else {"begun_again_though_nobody_died": in_vain}),
                "begun_so_often": dict(sorted(Counter(begun.values()).items())),
                "same_bytes": kept == snapshot(folder / "peace"),
                "files": len(kept),
            }
        )
    )


if __name__ == "__main__":
    from chaos import main as importable  # what is pickled must be found by its name in the workers

    importable(sys.argv[1])
