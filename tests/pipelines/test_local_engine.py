import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from steps_for_tests import After, Length, Moody, Note, Placed, Uses

from pipelines import machine
from pipelines.engines import local
from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.runner import Runner
from pipelines.store import Store
from schemas.errors import MissingPart, StoreError
from schemas.recipe import Recipe
from schemas.source import SourceRow
from schemas.step import Step

MOODS = ["cheerful", "raise", "sad", "defect", "kill", "absent", "nothing", "calm"]


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


def build(rows: list[SourceRow], store: Store, the_plan: Plan, workers: int = 2, *, retry: bool = False):
    return list(LocalEngine(workers, retry=retry).run(the_plan, rows, store))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_each_recording_ends_as_it_should_and_takes_no_neighbour_along(tmp_path: Path, batch: int):
    rows = make_rows(tmp_path / "in", MOODS)
    store = Store(str(tmp_path / "store"))
    the_plan = plan(Length(), Moody(batch=batch), After(), Uses())
    outcomes = build(rows, store, the_plan)
    moods = {o.recording: o for o in outcomes if o.step == "test.moody.v1"}
    # What a batch had made before its worker was killed is found and kept by the second try.
    states = {name.split("-")[1]: "made" if o.state == "kept" else o.state for name, o in moods.items()}
    assert states == {
        "cheerful": "made",
        "raise": "failed",
        "sad": "made",
        "defect": "failed",
        "kill": "failed",
        "absent": "absent",
        "nothing": "failed",
        "calm": "made",
    }
    assert "killed twice" in moods["r4-kill"].message
    lineage = the_plan.lineage
    assert store.open("r0-cheerful", lineage).read("after", Note).text == "cheerful 8!"
    bad = store.open("r1-raise", lineage).failure("mood")
    assert bad is not None
    assert (bad.message, bad.do, bad.expected) == ("the mood is bad", "smile", True)
    defect = store.open("r3-defect", lineage).failure("mood")
    assert defect is not None
    assert not defect.expected
    assert "ZeroDivisionError" in defect.details
    assert store.open("r1-raise", lineage).state("after") == "blocked"
    assert store.open("r5-absent", lineage).state("after") == "absent"
    assert store.open("r1-raise", lineage).read("used", Note).text == "False"


def test_a_second_run_does_nothing_and_starts_no_worker(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["cheerful", "raise", "absent", "calm"])
    store = Store(str(tmp_path / "store"))
    build(rows, store, plan())
    before = snapshot(tmp_path / "store")
    children = set(multiprocessing.active_children())
    outcomes = build(rows, store, plan())
    assert set(multiprocessing.active_children()) == children
    assert Counter(o.state for o in outcomes) == {"kept": 16, "failed": 1, "absent": 2, "blocked": 1}
    assert snapshot(tmp_path / "store") == before


def test_one_model_load_a_process(tmp_path: Path):
    (tmp_path / "loads").mkdir()
    rows = make_rows(tmp_path / "in", ["calm"] * 12)
    build(rows, Store(str(tmp_path / "store")), plan(Length(), Moody(loads=str(tmp_path / "loads"))))
    processes = [path.name.split("-")[0] for path in (tmp_path / "loads").iterdir()]
    assert 1 <= len(processes) <= 2
    assert len(set(processes)) == len(processes)


def test_in_memory_gives_the_same_files_as_on_disk(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["cheerful", "raise", "absent", "calm"])
    build(rows, Store(str(tmp_path / "store")), plan())
    memory = Store(f"memory:/{tmp_path}/m")
    build(rows, memory, plan())
    disk = snapshot(tmp_path / "store" / "recordings")
    found = {name.split("/recordings/", 1)[1]: memory.fs.cat_file(name) for name in memory.fs.find(memory.root)}
    assert found == disk


def test_a_changed_setting_recomputes_that_step_and_what_reads_it(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm", "sad"])
    store = Store(str(tmp_path / "store"))
    build(rows, store, plan(Length(), Moody()))
    outcomes = build(rows, store, plan(Length(), Moody(), Uses()))
    assert {(o.step, o.state) for o in outcomes} == {
        ("acquire", "kept"),
        ("test.length.v1", "kept"),
        ("test.moody.v1", "kept"),
        ("test.uses.v1", "made"),
    }
    outcomes = build(rows, store, plan(Length(factor=2), Moody(), Uses()))
    assert {o.state for o in outcomes if o.step != "acquire"} == {"made"}


def test_changed_media_are_measured_anew(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm", "sad"])
    store = Store(str(tmp_path / "store"))
    build(rows, store, plan())
    Path(str(rows[0].uri)).write_text("merry!")
    outcomes = build(rows, store, plan())
    assert {o.recording for o in outcomes if o.state == "made"} == {"r0-calm"}
    assert store.open("r0-calm", plan().lineage).read("mood", Note).text == "merry! 6"


def test_a_missing_source_is_a_failure_that_a_later_run_mends(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm", "sad"])
    Path(str(rows[0].uri)).unlink()
    store = Store(str(tmp_path / "store"))
    outcomes = build(rows, store, plan())
    assert [o.message for o in outcomes if o.state == "failed"] == [f"{rows[0].uri} does not exist"]
    assert store.open("r1-sad", plan().lineage).has("after")
    Path(str(rows[0].uri)).write_text("calm")
    assert not [o for o in build(rows, store, plan()) if o.state == "failed"]
    assert store.open("r0-calm", plan().lineage).source_failure is None


def test_failures_are_tried_again_only_when_asked(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["kill"])
    store = Store(str(tmp_path / "store"))
    build(rows, store, plan())
    started = [o.seconds for o in build(rows, store, plan()) if o.state == "failed"]
    assert started == [0.0]
    again = build(rows, store, plan(), retry=True)
    assert any(o.state == "failed" and "killed twice" in o.message for o in again)


@pytest.mark.parametrize("batch", [1, 3])
def test_what_was_damaged_is_made_anew_in_the_same_run(tmp_path: Path, batch: int):
    rows = make_rows(tmp_path / "media", ["cheerful", "sad", "calm"])
    store = Store(str(tmp_path / "store"))
    the_plan = plan(Length(), Moody(batch=batch), After(), Uses())
    build(rows, store, the_plan)
    before = snapshot(tmp_path / "store")
    hurt = next((tmp_path / "store").rglob("r1-sad/length.*.json"))
    hurt.write_text("{half")
    for file in [*(tmp_path / "store").rglob("mood.*.json"), *(tmp_path / "store").rglob("after.*.json")]:
        file.unlink()
    outcomes = build(rows, store, the_plan, workers=1)
    assert {outcome.state for outcome in outcomes} <= {"made", "kept"}
    assert snapshot(tmp_path / "store") == before


def test_a_disk_that_damages_again_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = make_rows(tmp_path / "media", ["cheerful"])
    store = Store(str(tmp_path / "store"))
    runner = Runner(plan(), store)
    runner.acquire(rows[0])
    monkeypatch.setattr(Note, "to_bytes", lambda _note: b"{half")
    runner.run(0, [rows[0].id])
    with pytest.raises(StoreError, match="damaged twice"):
        runner.run(1, [rows[0].id])


def test_a_model_that_cannot_load_ends_the_run_with_its_reason(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm"])
    with pytest.raises(MissingPart, match="the test model is missing"):
        build(rows, Store(str(tmp_path / "store")), plan(Length(), Moody(load_fails=True)))


def test_leftovers_of_a_killed_step_go_when_the_recording_is_worked_on_again(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm"])
    store = Store(str(tmp_path / "store"))
    build(rows, store, plan(Length()))
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = Path(store.folder("r0-calm"), f".part-{os.uname().nodename}-{int(gone.stdout)}-0.mood.json")
    left.write_text("half")
    build(rows, store, plan())
    assert not left.exists()


def test_ids_are_drawn_as_needed(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm"] * 60)
    drawn = 0

    def stream():
        nonlocal drawn
        for row in rows:
            drawn += 1
            yield row

    first = next(o for o in LocalEngine(1).run(plan(), stream(), Store(str(tmp_path / "store"))) if o.state == "made")
    assert first
    assert drawn < 20


@pytest.mark.parametrize("moment", [0.4, 0.9, 1.4])
def test_a_killed_run_is_resumed_to_the_same_bytes(tmp_path: Path, moment: float):
    moods = ["slow", "calm", "raise", "slow", "sad", "absent"]
    rows = make_rows(tmp_path / "in", moods)
    build(rows, Store(str(tmp_path / "calm")), plan())
    script = (
        "import json,sys\n"
        "from pathlib import Path\n"
        "from build_for_tests import main\n"
        "if __name__ == '__main__': main(*sys.argv[1:])\n"
    )
    runner = tmp_path / "run.py"
    runner.write_text(script)
    (tmp_path / "rows.json").write_text(json.dumps([row.model_dump() for row in rows]))
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    child = subprocess.Popen(
        [sys.executable, str(runner), str(tmp_path / "rows.json"), str(tmp_path / "store")],
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,
    )
    time.sleep(moment)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    outcomes = build(rows, Store(str(tmp_path / "store")), plan())
    assert outcomes
    assert snapshot(tmp_path / "store" / "recordings") == snapshot(tmp_path / "calm" / "recordings")


@pytest.mark.parametrize(("there", "killed"), [((), False), (("5",), False), (("5",), True), (("2", "5"), False)])
def test_what_takes_a_gpu_runs_in_workers_with_one_of_their_own(tmp_path: Path, monkeypatch, there, killed):
    """No GPU is needed for that: only what each worker is told to see."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(local, "gpus", lambda: there)
    kills = tmp_path / "kills"
    if killed:
        kills.touch()
    rows = make_rows(tmp_path / "in", ["a"] * 9)
    store = Store(str(tmp_path / "store"))
    the_plan = plan(Length(), Placed(kills=str(kills)))
    outcomes = build(rows, store, the_plan, workers=3)
    assert {one.state for one in outcomes if one.step == Placed.key} == {"made"}
    told = [store.open(row.id, the_plan.lineage).read("placed", Note).text.split() for row in rows]
    if not there:
        assert {(gpu, together) for gpu, _, together in told} == {("all", "1")}
        return
    # One process a GPU, and each sees its own alone; recordings come several at a time.
    assert {gpu for gpu, _, _ in told} <= set(there)
    assert len({(gpu, process) for gpu, process, _ in told}) == len({gpu for gpu, _, _ in told})
    if not killed:
        assert {together for _, _, together in told} == {"3"}


@pytest.mark.parametrize(
    ("allowed", "seen"),
    [(None, ("0", "1")), ("1", ("1",)), ("", ()), ("-1", ()), ("1, 0", ("1", "0")), ("0,-1,1", ("0",))],
)
def test_the_gpus_are_those_that_this_process_may_use(tmp_path: Path, monkeypatch, allowed, seen):
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(machine, "_GPUS", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert machine.gpus() == seen
    monkeypatch.setattr(machine, "_GPUS", tmp_path / "none")
    assert machine.gpus() == ()
