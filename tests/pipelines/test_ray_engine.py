import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from steps_for_tests import After, Length, Moody, Note, Uses, Waits

from pipelines.engines import engine
from pipelines.engines.local import LocalEngine
from pipelines.engines.ray import RayEngine
from pipelines.engines.ray_pools import pools
from pipelines.engines.ray_stage import DEATHS_ALONE, Ledger
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.errors import MissingPart, StoreError, UsageError
from schemas.recipe import Recipe
from schemas.source import SourceRow
from schemas.step import Needs, Step

pytestmark = pytest.mark.filterwarnings("ignore")  # what Ray warns of in its own code is its to mend


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all tests of this file: it takes seconds to start."""
    import ray

    before = os.environ.get("RAY_AUTH_MODE")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    RayEngine(2)._connect()
    yield
    ray.shutdown()
    if before is None:
        del os.environ["RAY_AUTH_MODE"]


def make_rows(folder: Path, moods: list[str]) -> list[SourceRow]:
    folder.mkdir(exist_ok=True)
    rows = []
    for index, mood in enumerate(moods):
        path = folder / f"{index}.txt"
        path.write_text(mood)
        rows.append(SourceRow(id=f"r{index}-{mood}", uri=str(path)))
    return rows


def plan(*steps: Step) -> Plan:
    return Plan(Recipe(name="t", sources="x"), steps or (Length(), Moody(), After(), Uses()))


def build(rows: list[SourceRow], store: Store, the_plan: Plan, *, retry: bool = False):
    return list(engine("ray", 2, retry=retry).run(the_plan, rows, store))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_run_changes_nothing_and_retry_tries_the_failed_again(cluster: None, tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["cheerful", "raise", "absent", "calm"])
    store = Store(str(tmp_path / "store"))
    build(rows, store, plan())
    before = snapshot(tmp_path / "store")
    outcomes = build(rows, store, plan())
    assert Counter(o.state for o in outcomes) == {"kept": 16, "failed": 1, "absent": 2, "blocked": 1}
    assert [o.seconds for o in outcomes if o.state == "failed"] == [0.0]
    assert snapshot(tmp_path / "store") == before
    again = build(rows, store, plan(), retry=True)
    assert [o.seconds > 0 for o in again if o.state == "failed"] == [True]
    assert snapshot(tmp_path / "store") == before


def test_what_becomes_of_recordings_is_told_before_they_are_through(cluster: None, tmp_path: Path):
    go = tmp_path / "go"
    store = Store(str(tmp_path / "store"))
    told = engine("ray", 2).run(plan(Length(), Waits(go=str(go))), make_rows(tmp_path / "in", ["calm", "merry"]), store)
    first = [next(told) for _ in range(4)]  # the last step waits for the file, and gives up after a minute
    assert Counter(one.step for one in first) == {"acquire": 2, "test.length.v1": 2}
    go.touch()
    assert Counter((one.step, one.state) for one in told) == {("test.waits.v1", "made"): 2}


def test_a_model_that_cannot_load_ends_the_run_with_its_reason(cluster: None, tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm"] * 5)
    broken = plan(Length(), Moody(load_fails=True), After())
    with pytest.raises(MissingPart) as ours:
        build(rows, Store(str(tmp_path / "store")), broken)
    with pytest.raises(MissingPart) as local:
        list(LocalEngine(1).run(broken, rows, Store(str(tmp_path / "local"))))
    assert str(ours.value) == str(local.value) == "the test model is missing\n  put it there"


def test_a_store_that_cannot_be_used_ends_the_run_with_its_reason(cluster: None, tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm"])
    (tmp_path / "store").write_text("a file where a folder should be")
    store = Store(str(tmp_path / "store"))
    with pytest.raises(StoreError) as ours:
        build(rows, store, plan())
    with pytest.raises(StoreError) as local:
        list(LocalEngine(1).run(plan(), rows, store))
    assert str(ours.value) == str(local.value)
    assert "Not a directory" in str(ours.value)


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

    return sorted(pid for pid, name in names.items() if b"MapWorker(MapBatches(Stage))" in name and is_ours(pid))


@pytest.mark.timeout(200)
def test_killed_workers_cost_nothing_but_time(cluster: None, tmp_path: Path):
    """Chance deaths condemn no one: every recording ends as it does in peace."""
    moods = ["slow", "calm", "raise", "absent"] * 6
    rows = make_rows(tmp_path / "in", moods)
    over = threading.Event()
    deaths = 0

    def strike() -> None:
        nonlocal deaths
        # Not for ever: on a busy machine an actor takes longer to start than it would be left alone.
        while deaths < 8 and not over.wait(1.5):
            for pid in actors()[:1]:
                os.kill(pid, signal.SIGKILL)
                deaths += 1

    striker = threading.Thread(target=strike)
    striker.start()
    try:
        outcomes = build(rows, Store(str(tmp_path / "store")), plan(Length(), Moody(batch=2), After(), Uses()))
    finally:
        over.set()
        striker.join()
    assert deaths >= 3
    assert len(outcomes) == len(rows) * 5
    list(LocalEngine(2).run(plan(), rows, Store(str(tmp_path / "peace"))))
    assert snapshot(tmp_path / "store" / "recordings") == snapshot(tmp_path / "peace" / "recordings")


def test_rows_are_drawn_a_window_at_a_time(cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.engines.ray.WINDOW", 4)
    rows = make_rows(tmp_path / "in", ["calm"] * 10)
    drawn = []

    def stream() -> Iterator[SourceRow]:
        for row in rows:
            drawn.append(row.id)
            yield row

    outcomes = engine("ray", 2).run(plan(Length()), stream(), Store(str(tmp_path / "store")))
    assert next(outcomes).recording in drawn
    assert len(drawn) == 4
    assert len([*outcomes]) == 19
    assert store_of(tmp_path).open("r9-calm", plan(Length()).lineage).read("length", Note).text == "4"


def store_of(folder: Path) -> Store:
    return Store(str(folder / "store"))


def test_wrong_use_is_told_before_anything_starts(tmp_path: Path):
    with pytest.raises(UsageError, match="does not know the option --adress=x"):
        engine("ray", None, options=["--adress=x"])
    with pytest.raises(UsageError, match="in this process's memory"):
        next(iter(engine("ray", 1).run(plan(), [], Store("memory://x"))))
    assert RayEngine(options=["--address=ray-head:6379"]).address == "ray-head:6379"


def test_a_recording_is_given_up_after_its_deaths_alone_and_no_neighbour_with_it():
    ledger = Ledger()
    assert ledger.begin(0, ["a", "b"])  # ... and the worker dies
    assert not ledger.begin(0, ["a", "b"])
    assert ledger.begin_alone(0, "a") == 0
    ledger.end(0, ["a"], [])
    deaths = [ledger.begin_alone(0, "b") for _ in range(DEATHS_ALONE + 1)]
    assert deaths == [0, 1, 2, 3, 4]
    ledger.end(0, ["b"], [])
    assert ledger.begin(0, ["a", "b"])
    assert ledger.begin(1, ["a"])  # another step's batch is another matter
    assert ledger.begin_alone(1, "a") == 1, "a batch of one is alone at once"
    first = MissingPart("first")
    ledger.stop(first)
    ledger.stop(MissingPart("second"))
    assert ledger.fault() is first


class Greedy(Length):
    """Wants much."""

    @property
    def needs(self) -> Needs:
        return Needs(cpus=4, gpus=1, memory_mb=4000, batch=8)


@pytest.mark.parametrize("cpus", [1.0, 2.0, 8.0, 1000.0])
def test_the_first_actor_of_every_pool_finds_room(cpus: float):
    steps: list[Any] = [Greedy(), Length(), *[Moody()] * 7]
    there = {"CPU": cpus, "GPU": 1.0, "memory": 8e9}
    made = pools(steps, there, None)
    assert len(made) == len(steps) + 1
    assert sum(pool.cpus for pool in made) <= max(cpus / 2, 1e-9) or cpus == 1000
    assert sum(pool.gpus for pool in made) <= 1
    assert sum(pool.memory for pool in made) <= 4e9
    if cpus == 1000:
        assert (made[1].cpus, made[1].most) == (4, None)
    with pytest.raises(UsageError, match="wants a GPU"):
        pools(steps, {"CPU": 2.0}, None)
    assert {pool.most for pool in pools([Length()], there, 3)} == {3}
