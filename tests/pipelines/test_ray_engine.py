import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from steps_for_tests import After, Length, Moody, Note, Placed, Uses, Waits

from pipelines.engines import engine
from pipelines.engines.local import LocalEngine
from pipelines.engines.ray import RayEngine
from pipelines.engines.ray_feed import Packets
from pipelines.engines.ray_pools import pools
from pipelines.engines.ray_stage import DEATHS_ALONE, Ledger
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.errors import MissingPart, StoreError, UsageError
from schemas.outcome import Outcome
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
    assert Counter((one.step, one.state) for one in told) == {("test.waits.v1", "made"): 2}, (
        "two at a time, from the start"
    )


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


def actors(kind: str = "MapWorker(MapBatches(Stage))") -> list[int]:
    """Process ids of the actors that live, of this process's own Ray alone: those of steps, or others."""
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

    return sorted(pid for pid, name in names.items() if kind.encode() in name and is_ours(pid))


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


def test_rows_are_drawn_as_others_come_to_their_end_and_models_stay(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.engines.ray_feed._AHEAD_MOST", 4)
    monkeypatch.setattr("pipelines.engines.ray_feed._SHARE", 1)
    monkeypatch.setattr("pipelines.engines.ray_feed.MOST", 4)
    rows = make_rows(tmp_path / "in", ["calm"] * 200)
    (tmp_path / "loads").mkdir()
    the_plan = plan(Length(), Moody(loads=str(tmp_path / "loads")))
    drawn = finished = most = 0

    def stream() -> Iterator[SourceRow]:
        nonlocal drawn
        for row in rows:
            drawn += 1
            yield row

    for told in engine("ray", 2).run(the_plan, stream(), Store(str(tmp_path / "store"))):
        most = max(most, drawn - finished)
        finished += told.step == Moody.key
    assert finished == drawn == len(rows)
    assert most <= 2 * 4 * 4 + 2 * 4 + 4, "packets on their way, rows at hand, and the packet that is counted now"
    loads = [path.name.split("-")[0] for path in (tmp_path / "loads").iterdir()]
    assert len(set(loads)) == len(loads) <= 2, "each actor's model was loaded once for all"
    assert store_of(tmp_path).open("r199-calm", the_plan.lineage).read("mood", Note).text == "calm 4"


def test_packets_grow_with_what_is_known_of_recordings_and_shrink_towards_the_end():
    def sizes(count: int, seconds: float, least: int = 1) -> list[int]:
        packets = Packets((SourceRow(id=f"r{index}", text="x") for index in range(count)), lambda: 2, least)
        found = []
        offered = packets.draw()
        while offered:
            assert packets.first == min(offered)
            for number, packet in offered.items():
                ids = [json.loads(row)["id"] for row in json.loads(packet)["rows"]]
                found.append(len(ids))
                for one in ids:
                    packets.told(Outcome(one, "test", "made", seconds))
                packets.arrived(number)
            offered = packets.draw()
        assert packets.end == len(found)
        assert sum(found) == count
        return found

    quick, slow = sizes(2000, 0.001), sizes(300, 4.0)
    assert quick[0] == slow[0] == 4, "nothing is known yet"
    assert max(quick) == 16
    assert quick[-1] == slow[-1] == 1
    assert max(slow[8:]) == 2
    assert max(sizes(300, 4.0, least=8)[8:]) == 8, "a GPU is given what it can take at a time"
    assert sizes(3, 1.0) == [1, 1, 1]
    assert sizes(14, 4.0, least=8) == [7, 4, 2, 1], "few recordings fill a batch too, and nobody waits at the end"


def test_a_ledger_that_died_is_told_again_what_is_on_its_way(cluster: None, tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["slow"] * 24)
    store = Store(str(tmp_path / "store"))
    ledgers = set()
    told = []
    for one in engine("ray", 2).run(plan(Length(), Moody()), rows, store):
        told.append(one)
        if one.step == Moody.key and len(ledgers) < 2:
            living = set(actors("ray::Ledger")) - ledgers
            for pid in living:
                os.kill(pid, signal.SIGKILL)
            ledgers |= living
    assert len(ledgers) == 2
    assert Counter((one.step, one.state) for one in told) == {
        (step, "made"): 24 for step in ("acquire", Length.key, Moody.key)
    }
    assert len(snapshot(tmp_path / "store" / "recordings")) == 3 * 24


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


@pytest.mark.parametrize("cpus", [1.0, 2.0, 8.0, 20.0, 1000.0])
@pytest.mark.parametrize("workers", [None, 3])
def test_the_first_actor_of_every_pool_finds_room(cpus: float, workers: int | None):
    steps: list[Any] = [Length(), Greedy(), *[Moody()] * 7]
    made = pools(steps, {"CPU": cpus, "GPU": 1.0, "memory": 8e9}, workers)
    assert [index for pool in made for index in pool.indexes] == list(range(9)), "each step has its place"
    assert made[0].indexes == ()
    assert sum(pool.cpus for pool in made) <= max(cpus / 2, 1.0)
    assert sum(pool.gpus for pool in made) <= 1
    assert sum(pool.memory for pool in made) <= 4e9
    assert next(pool for pool in made if pool.gpus).indexes == (1,), "a GPU's step has actors of its own"
    if cpus == 1000:
        assert (made[2].cpus, made[2].most, len(made)) == (4, workers, 10)
    if cpus <= 20:
        assert [pool.indexes for pool in made] == [(), (0,), (1,), (2, 3, 4, 5, 6, 7, 8)]
        assert sum(pool.cpus * (pool.most or 0) for pool in made) <= cpus, "all may be as large as they may"
        assert {pool.most for pool in made} == {min(int(cpus), workers or 99)}
    with pytest.raises(UsageError, match="wants a GPU"):
        pools(steps, {"CPU": 2.0}, None)


def test_a_step_has_a_pool_where_there_is_room_for_one_each():
    steps = [Length(), Moody(), After()]
    assert [pool.indexes for pool in pools(steps, {"CPU": 7.0}, None)] == [(), (0,), (1,), (2,)]
    assert [pool.cpus for pool in pools(steps, {"CPU": 7.0}, None)] == [0.5, 1, 1, 1]
    assert [pool.indexes for pool in pools(steps, {"CPU": 6.0}, None)] == [(), (0, 1, 2)]


def test_what_may_take_a_gpu_asks_ray_for_one_where_the_cluster_has_any():
    for there, asked in (({"CPU": 8.0}, 0.0), ({"CPU": 8.0, "GPU": 1.0}, 1.0)):
        made = pools([Length(), Placed()], there, None)
        assert [pool.gpus for pool in made if 1 in pool.indexes] == [asked]


def test_where_ray_has_a_gpu_recordings_come_to_it_several_at_a_time(tmp_path: Path, monkeypatch):
    """Ray is told of a GPU that is not there: it counts it, and tells the actor which one is its own."""
    import ray

    ray.shutdown()  # the other tests' Ray has none
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr(ray, "init", partial(ray.init, num_gpus=1))
    rows = make_rows(tmp_path / "in", ["calm"] * 80)  # enough for packets of several
    store = Store(str(tmp_path / "store"))
    the_plan = plan(Length(), Placed())
    assert {one.state for one in build(rows, store, the_plan) if one.step == Placed.key} == {"made"}
    told = [store.open(row.id, the_plan.lineage).read("placed", Note).text.split() for row in rows]
    assert {gpu for gpu, _, _ in told} == {"0"}
    assert max(int(together) for _, _, together in told) == 3
