import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from dataset_making import spoken
from steps_for_tests import After, Length, Moody, Uses

from pipelines.engines import engine
from pipelines.engines.beam import BeamEngine
from pipelines.engines.beam_spread import Sealed
from pipelines.engines.beam_stages import FAILED, TOLD, Acquire, Crew, Parts, RunEnds, Work, fault_in, told_in
from pipelines.engines.child import Task
from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.publishing.publish import publish
from pipelines.store import Store, alive
from schemas.errors import MissingPart, StoreError, UsageError
from schemas.outcome import Outcome
from schemas.publication import About, Publication
from schemas.recipe import Recipe
from schemas.source import SourceRow
from schemas.step import Step

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(200)]  # what Beam warns of is its to mend

MOODS = ["calm", "raise", "kill", "absent", "merry", "sad"]


def make_rows(folder: Path, moods: Sequence[str]) -> list[SourceRow]:
    folder.mkdir()
    rows = []
    for index, mood in enumerate(moods):
        path = folder / f"{index}.txt"
        path.write_text(mood)
        rows.append(SourceRow(id=f"r{index}-{mood}", uri=str(path)))
    return rows


def plan(*steps: Step) -> Plan:
    return Plan(Recipe(name="t", sources="x"), steps or (Length(), Moody(batch=3), After(), Uses()))


def build(rows: list[SourceRow], folder: Path, the_plan: Plan, options: Sequence[str] = ()) -> list[Outcome]:
    return list(engine("beam", 1, options=options).run(the_plan, rows, Store(str(folder))))


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in (folder / "recordings").rglob("*") if path.is_file()}


def expect_all(outcomes: list[Outcome], rows: list[SourceRow], tmp_path: Path) -> None:
    """Each recording was told of once at each step, and the files are those of the local engine."""
    told = Counter((one.recording, one.step) for one in outcomes)
    assert set(told.values()) == {1}
    assert len(told) == len(rows) * 5
    failed = {one.recording for one in outcomes if one.state == "failed"}
    assert failed == {row.id for row in rows if row.id.split("-")[1] in ("raise", "kill")}
    list(LocalEngine(1).run(plan(), rows, Store(str(tmp_path / "local"))))
    assert names(tmp_path / "store") - {"recordings/.writable"} == names(tmp_path / "local") - {"recordings/.writable"}
    assert list((tmp_path / "store" / "runs").iterdir()) == [], "what passed between driver and workers is gone"


@pytest.fixture(scope="module")
def job_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Beam's own job service, a process of its own; its address."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("job") / "log"
    with log.open("w") as out:
        module = "apache_beam.runners.portability.local_job_service_main"
        server = subprocess.Popen([sys.executable, "-m", module, "-p", str(port)], stdout=out, stderr=out)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("localhost", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize(
    "options",
    [
        ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
        ["--runner=PortableRunner", "--environment_type=LOOPBACK"],
    ],
    ids=["processes", "portable"],
)
def test_other_ways_to_run_make_the_same(
    options: list[str], job_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    is_portable = "--runner=PortableRunner" in options
    rows = make_rows(tmp_path / "in", MOODS)
    if is_portable:
        options = [*options, f"--job_endpoint={job_server}"]
    expect_all(build(rows, tmp_path / "store", plan(), options), rows, tmp_path)
    assert ("must be the same wherever the runner's workers" in capsys.readouterr().err) == is_portable


def test_a_second_run_loads_nothing_and_retry_tries_the_failed_again(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm", "raise", "absent"])
    (tmp_path / "loads").mkdir()
    the_plan = plan(Length(), Moody(batch=3, loads=str(tmp_path / "loads")), After())
    build(rows, tmp_path / "store", the_plan)
    assert len([*(tmp_path / "loads").iterdir()]) == 1, "one worker, one load, whatever threads Beam has"
    again = build(rows, tmp_path / "store", the_plan)
    assert Counter(one.state for one in again) == {"kept": 8, "failed": 1, "absent": 2, "blocked": 1}
    assert {one.seconds for one in again} == {0.0}
    assert len([*(tmp_path / "loads").iterdir()]) == 1
    store = Store(str(tmp_path / "store"))
    retried = [*engine("beam", 1, retry=True).run(the_plan, rows, store)]
    assert [one.seconds > 0 for one in retried if one.state == "failed"] == [True]


def test_what_ends_a_run_is_told_as_the_local_engine_tells_it(tmp_path: Path, job_server: str):
    rows = make_rows(tmp_path / "in", ["calm"] * 3)
    broken = plan(Length(), Moody(load_fails=True), After())
    elsewhere = ["--runner=PortableRunner", "--environment_type=LOOPBACK", f"--job_endpoint={job_server}"]
    for options in ([], elsewhere):
        with pytest.raises(MissingPart) as error:
            build(rows, tmp_path / "store", broken, options)
        assert str(error.value) == "the test model is missing\n  put it there"
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="Not a directory"):
        build(rows, tmp_path / "file", plan())


def test_wrong_use_is_told_before_anything_starts():
    with pytest.raises(UsageError, match="does not know --direct_wrokers=3"):
        engine("beam", 1, options=["--direct_wrokers=3"])
    with pytest.raises(UsageError, match="does not take the options"):
        engine("beam", 1, options=["--direct_num_workers=many"])
    with pytest.raises(UsageError, match="in this process's memory"):
        next(iter(engine("beam", 1).run(plan(), [], Store("memory://x"))))


def half(number: int) -> tuple[float, int]:
    if number < 0:
        raise StoreError("no halves of debts", do="pay them")
    return number / 2, os.getpid()


def test_other_work_is_done_by_processes_here_or_by_the_runner_elsewhere(tmp_path: Path, job_server: str):
    store = Store(str(tmp_path / "store"))
    elsewhere = ["--runner=PortableRunner", "--environment_type=LOOPBACK", f"--job_endpoint={job_server}"]
    wanted = [number / 2 for number in range(20)]
    with engine("beam", 2).spreading(store) as spread:
        here = list(spread(half, range(20)))
        assert sorted(value for value, _ in here) == wanted
        assert len({process for _, process in here} - {os.getpid()}) == 2
    with engine("beam", 1, options=elsewhere).spreading(store) as spread:
        assert sorted(value for value, _ in spread(half, range(20))) == wanted
        assert list(spread(half, [])) == []
        with pytest.raises(StoreError, match="no halves of debts"):
            list(spread(half, [1, -1, 2]))
    assert store.listing(f"{store.root}/runs") == [], "what passed between driver and workers is gone"


def test_a_runner_elsewhere_publishes_the_bytes_that_one_process_publishes(tmp_path: Path, job_server: str):
    made = [spoken(tmp_path, f"r{number:02d}", [(0, 4.0), (4, 9.5)], seed=number) for number in range(4)]
    how = Publication(shard_mb=1, splits={"train": 0.7, "test": 0.3}, group_by="recording")
    publish(made, how, str(tmp_path / "one"), about=About(name="x"))
    elsewhere = ["--runner=PortableRunner", "--environment_type=LOOPBACK", f"--job_endpoint={job_server}"]
    with engine("beam", 1, options=elsewhere).spreading(Store(str(tmp_path / "store"))) as spread:
        report = publish(made[::-1], how, str(tmp_path / "beam"), about=About(name="x"), spread=spread)
    assert report.written == len(report.shards) > 1
    assert tree(tmp_path / "one") == tree(tmp_path / "beam")


def test_what_was_not_written_under_the_runs_key_is_never_unpickled(tmp_path: Path):
    ours = Sealed(str(tmp_path), str(tmp_path / "run"), b"k" * 32)
    ours.write("item-1", {"a": 1})
    assert ours.read("item-1") == {"a": 1}
    place = tmp_path / "run"
    (place / "item-2").write_bytes((place / "item-1").read_bytes())
    Sealed(str(tmp_path), str(place), b"x" * 32).write("item-3", Trap(tmp_path / "sprung"))
    (place / "item-4").write_bytes(b"short")
    for name in ("item-2", "item-3", "item-4"):
        with pytest.raises(StoreError, match="not what this run wrote"):
            ours.read(name)
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(StoreError, match="does not find"):
        ours.read("item-5")


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.place,)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_options_reach_the_runner_as_they_were_given():
    flink = BeamEngine(
        3, options=["--runner=FlinkRunner", "--flink_master=here:8081", "--parallelism=7", "--its_own=1"]
    )
    assert not flink.is_direct
    given = flink.options.get_all_options()
    assert (given["runner"], given["flink_master"], given["parallelism"]) == ("FlinkRunner", "here:8081", 7)
    assert "--its_own=1" in flink.options._flags, "another runner may know it"
    direct = BeamEngine(3).options.get_all_options()
    assert (direct["runner"], direct["direct_running_mode"]) == ("FnApiRunner", "multi_threading")


class Said:
    """A crew that answers what it was told to."""

    def __init__(self, *told: Outcome) -> None:
        self.told = list(told)
        self.tasks: list[Task] = []

    def work(self, task: Task) -> list[Outcome]:
        self.tasks.append(task)
        return self.told


def stage(made: Any, crew: Any) -> Any:
    made.begin(crew)
    return made


def test_failures_are_an_output_of_their_own_and_go_on_as_ids():
    told = (Outcome("a", "s", "made"), Outcome("b", "s", "failed", message="bad"), Outcome("c", "s", "absent"))
    work = stage(Work(2), Said(*told))
    given = [*work.do([(7, "a"), (8, "b"), (9, "c")])]
    assert [tag for tag, _ in given] == [TOLD, None, FAILED, None, TOLD, None]
    assert [value for tag, value in given if tag is None] == [(7, "a"), (8, "b"), (9, "c")]
    assert told_in(given[2][1]) == (8, 2, told[1])
    row = SourceRow(id="b", text="x")
    gone = stage(Acquire(retry=False), Said(Outcome("b", "acquire", "failed", message="gone")))
    assert [tag for tag, _ in gone.do((8, row.model_dump_json()))] == [FAILED], "no step for what could not be had"


def test_a_worker_that_does_not_see_the_store_says_so(tmp_path: Path):
    crew = Crew(plan(), str(tmp_path / "elsewhere"), str(tmp_path / "told"), 1)
    with pytest.raises(RunEnds) as error:
        [*stage(Parts(str(tmp_path / "elsewhere"), 10, 2), crew).do(0)]
    fault = fault_in(f"a page of the runner's own words: {error.value} and more")
    assert isinstance(fault, StoreError)
    assert "does not find the run's rows" in fault.what
    assert "fsspec" in (fault.do or "")
    assert fault_in("something else") is None


def test_ctrl_c_ends_the_run_and_its_children_and_the_next_goes_on(tmp_path: Path):
    rows = make_rows(tmp_path / "in", ["calm"] * 4 + ["slow"] * 30)
    code = (
        "import sys\nfrom test_beam_engine import *\n"
        "if __name__ == '__main__':\n"
        "    rows = [SourceRow.model_validate_json(line) for line in open(sys.argv[1])]\n"
        "    for told in engine('beam', 1).run(plan(Length(), Moody(batch=2)), rows, Store(sys.argv[2])):\n"
        "        print(told.recording, flush=True)\n"
    )
    (tmp_path / "rows").write_text("\n".join(row.model_dump_json() for row in rows))
    (tmp_path / "run.py").write_text(code)
    path = os.pathsep.join([*[one for one in sys.path if one], str(Path(__file__).parent)])
    child = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "rows"), str(tmp_path / "store")],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline().startswith("r"), "outcomes come while the pipeline goes on"
    workers = children_of(child.pid)
    assert workers
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=40)
    assert child.returncode != 0
    assert [*(tmp_path / "store" / "runs").iterdir()] == []
    until = time.monotonic() + 20  # a child ends by itself, once it sees that its driver is gone
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert [pid for pid in workers if alive(pid)] == []


def children_of(parent: int) -> list[int]:
    return [
        int(pid) for task in Path(f"/proc/{parent}/task").iterdir() for pid in (task / "children").read_text().split()
    ]
