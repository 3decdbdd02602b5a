"""What is told of a build from outside: while it goes on, after it, after a kill, with several and with none."""

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from steps_for_tests import After, Length, Moody, Uses
from watched_build_for_tests import plan

from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.reporting import beat as beats_module
from pipelines.reporting.alike import Reasons, pattern
from pipelines.reporting.beat import SILENT_S, beats, lineage_digest, rate
from pipelines.reporting.progress import Tally, follow
from pipelines.reporting.status import Status, show, status
from pipelines.store import Store
from schemas.recipe import Recipe
from schemas.run import Beat
from schemas.source import SourceRow

TESTS = Path(__file__).parents[1]
MOODS = ["cheerful", "raise", "sad", "defect", "absent", "raise", "nothing", "calm", "raise"]


def make_rows(folder: Path, moods: list[str]) -> list[SourceRow]:
    folder.mkdir(exist_ok=True)
    rows = []
    for index, mood in enumerate(moods):
        path = folder / f"{index}.txt"
        path.write_text(mood)
        rows.append(SourceRow(id=f"r{index}-{mood}", uri=str(path)))
    return rows


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def build(rows: list[SourceRow], store: Store) -> Tally:
    return follow(LocalEngine(2).run(plan(), rows, store), "test.uses.v1", quiet=True)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def put(store: Store, name: str, **changes: object) -> None:
    """A sign of life in the store."""
    told = {
        "recipe": "t",
        "lineage": lineage_digest(plan().lineage),
        "engine": "ray",
        "machine": name,
        "pid": 1,
        "workers": 2,
        "started": time.time() - 100,
        "now": time.time(),
        "every_s": 5.0,
        "recordings": 10,
        "finished": 4,
        "worked": 4,
        "failed": 0,
        "rate_per_s": 0.5,
    } | changes
    path = f"{store.root}/runs/{told['recipe']}.{'0' * 16}.{name}.beat.json"
    store.write(path, Beat.model_validate(told).to_bytes())


def told_of(found: Status) -> str:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    show(found, console)
    console.file.close()
    return console.export_text()


def test_states_are_those_that_the_build_told(tmp_path: Path, store: Store):
    rows = [*make_rows(tmp_path / "in", MOODS), SourceRow(id="gone", uri=str(tmp_path / "gone.txt"))]
    tally = build(rows, store)
    found = status(plan(), store, rows)
    assert (found.recordings, found.finished) == (10, 10) == (tally.recordings, tally.finished)
    for step, counts in tally.steps.items():
        expected = Counter(counts)
        expected["made"] += expected.pop("kept", 0)
        if step != "acquire":
            expected["blocked"] += 1  # of the one that could not be had, the engine says nothing further
        assert found.steps[step] == {state: number for state, number in expected.items() if number}, step
    assert found.steps["test.moody.v1"] == {"made": 3, "absent": 1, "failed": 5, "blocked": 1}
    assert (found.runs, found.rate_per_s, found.left_s) == ((), None, None)


def test_the_most_frequent_reasons_come_first_with_what_to_do(tmp_path: Path, store: Store):
    gone = [SourceRow(id=f"g{index}", uri=str(tmp_path / f"gone-{index}.txt")) for index in range(4)]
    rows = [*make_rows(tmp_path / "in", MOODS), *gone]
    build(rows, store)
    found = status(plan(), store, rows)
    told = [(reason.count, reason.step, reason.error, reason.do) for reason in found.reasons]
    assert told[:2] == [
        (4, "acquire", "SourceUnavailable", found.reasons[0].do),
        (3, "test.moody.v1", "MeasurementError", "smile"),
    ]
    assert found.reasons[0].do
    assert {reason.count for reason in found.reasons[2:]} == {1}
    assert [reason.expected for reason in found.reasons] == [True, True, False, False]
    text = told_of(found)
    assert "4 failed at acquire" in text
    assert "    smile" in text


def test_no_more_than_ten_reasons_are_told_and_the_rest_counted(store: Store):
    reasons = Reasons()
    for index in range(14):
        for _ in range(index + 1):
            reasons.add("r", "step", "because " + "abcdefghijklmn"[index])
    assert [count for _, count in reasons.most_common(10)] == [14, 13, 12, 11, 10, 9, 8, 7, 6, 5]
    assert reasons.total() == 14 * 15 / 2


def test_what_is_not_built_is_todo_and_nothing_is_written(tmp_path: Path, store: Store):
    rows = make_rows(tmp_path / "in", MOODS[:3])
    found = status(plan(), store, rows)
    assert {step: counts for step, counts in found.steps.items() if counts != {"todo": 3}} == {}
    assert not Path(store.root).exists()
    assert "3 left" in told_of(found)
    build(rows[:2], store)
    before = files(tmp_path)
    found = status(plan(), store, rows)
    assert (found.finished, found.steps["acquire"]) == (2, {"made": 2, "todo": 1})
    assert files(tmp_path) == before


def test_media_that_this_machine_does_not_see_count_as_in_the_store(tmp_path: Path, store: Store):
    rows = make_rows(tmp_path / "in", ["calm", "raise"])
    build(rows, store)
    before = status(plan(), store, rows)
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    assert status(plan(), store, rows).steps == before.steps
    (tmp_path / "elsewhere").rename(tmp_path / "in")
    (tmp_path / "in" / "0.txt").write_text("changed since")
    assert status(plan(), store, rows).steps["acquire"] == {"made": 1, "todo": 1}


class Seen(Store):
    """A store that notes which folders are listed."""

    def listing(self, folder: str) -> list[str]:
        self.__dict__.setdefault("listed", []).append(folder.removeprefix(f"{self.root}/"))
        return super().listing(folder)


def test_only_the_recipes_recordings_are_looked_at_once_each(tmp_path: Path, store: Store):
    rows = make_rows(tmp_path / "in", ["calm"] * 6)
    build(rows, store)
    seen = Seen(store.url)
    status(plan(), seen, rows[:2])
    listed = seen.__dict__["listed"]
    assert sorted(folder for folder in listed if folder != "runs") == ["recordings/r0-calm", "recordings/r1-calm"]


def test_a_remote_store_tells_the_same(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch):
    rows = make_rows(tmp_path / "in", MOODS * 6)
    build(rows, store)
    remote = Store(f"simplecache::file://{store.root}")
    assert not remote.is_local
    assert status(plan(), remote, rows).steps == status(plan(), store, rows).steps


def test_memory_does_not_grow_with_the_recordings(store: Store):
    """What is held when the last recording is looked at. The interpreter's table of interned names is not ours."""
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern=str(TESTS.parent / "*"))]

    def held(count: int) -> int:
        sizes: list[int] = []

        def rows() -> Iterator[SourceRow]:
            for index in range(count):
                yield SourceRow(id=f"r{index}", uri=f"/nowhere/{index}")
            traces = tracemalloc.take_snapshot().filter_traces(ours).traces
            sizes.append(sum(trace.size for trace in traces))

        tracemalloc.start()
        assert status(plan(), store, rows()).recordings == count
        tracemalloc.stop()
        return sizes[0]

    held(10)
    assert held(6000) < 1.2 * held(600) + 50_000


def test_memory_does_not_grow_with_the_failures():
    reasons = Reasons()
    for index in range(5000):
        letters = "".join(chr(97 + int(digit)) for digit in str(index))
        reasons.add(f"r{index}", "step", f"reason {letters}")
    assert len(reasons.counts) == len(reasons.examples) == 1000
    assert reasons.total() == 5000


@given(
    st.from_regex(r"[A-Za-z][A-Za-z._-]{0,20}[0-9_]", fullmatch=True),
    st.integers(0, 10**9),
    st.from_regex(r"(/[a-z0-9.-]{1,9}){1,4}", fullmatch=True),
)
def test_names_paths_and_numbers_make_no_other_reason(recording: str, number: int, path: str):
    told = f"{recording}: {path} ends after {number:,} s of {number / 7}"
    assert pattern(told, recording) == "ID: PATH ends after N s of N"


def test_reasons_that_differ_in_words_stay_apart():
    assert pattern("the file is empty", "a") != pattern("the file is cut", "a")
    assert pattern("a picture has no sound", "a") == pattern("a picture has no sound", "picture")


# Builds that are going on.


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 50)), min_size=1, max_size=60))
def test_the_rate_is_that_of_the_window_or_of_the_whole_run(steps: list[tuple[float, int]]):
    points, seconds, count = [], 1000.0, 7
    for took, more in [(0.0, 0), *steps]:
        seconds, count = seconds + took, count + more
        points.append((seconds, count))
    in_window = count - 7
    expected = in_window / (seconds - 1000.0) if in_window >= 10 else count / seconds
    assert rate(points) == pytest.approx(expected)


def test_there_is_no_rate_before_the_first_recording():
    assert rate([(0.0, 0)]) is None
    assert rate([(0.0, 0), (5.0, 0)]) is None


def test_several_builds_share_what_is_left(tmp_path: Path, store: Store):
    rows = make_rows(tmp_path / "in", ["calm"] * 12)
    put(store, "one", rate_per_s=0.5)
    put(store, "two", rate_per_s=0.25)
    put(store, "new", rate_per_s=None)
    put(store, "killed", now=time.time() - SILENT_S - 1)
    put(store, "other", recipe="t2", rate_per_s=9.0, lineage="f" * 16)
    put(store, "changed", rate_per_s=9.0, lineage="e" * 16)
    Path(f"{store.root}/runs/t.{'0' * 16}.torn.beat.json").write_text('{"recipe": "t", ')
    found = status(plan(), store, rows)
    assert found.rate_per_s == 0.75
    assert found.left_s == pytest.approx(12 / 0.75)
    assert {run.beat.machine: (run.silent, run.same) for run in found.runs} == {
        "one": (False, True),
        "two": (False, True),
        "new": (False, True),
        "killed": (True, True),
        "other": (False, False),
        "changed": (False, False),
    }
    text = told_of(found)
    assert "45.0 a minute; 12 left, about 16 s" in text
    assert "silent for 1 min 01 s, so its driver was killed: t, engine ray on killed" in text


def test_a_clock_that_is_ahead_is_no_silence(store: Store):
    put(store, "ahead", now=time.time() + 40, started=time.time() + 10)
    found = status(plan(), store, [])
    assert not found.runs[0].silent
    assert "heard of 0.0 s ago" in told_of(found)


def test_a_beat_that_is_being_written_is_not_a_second_build(store: Store):
    put(store, "one")
    (beat,) = Path(f"{store.root}/runs").glob("*.beat.json")
    beat.with_name(f".part-one-1-1.{beat.name}").write_bytes(beat.read_bytes())
    assert len(status(plan(), store, []).runs) == 1


def test_the_lineage_is_that_of_what_is_made():
    def of(*steps: object) -> str:
        return lineage_digest(Plan(Recipe(name="t", sources="x"), steps).lineage)  # type: ignore[arg-type]

    first = of(Length(), Moody(), After(), Uses())
    assert first == of(Length(), Moody(batch=3), After(), Uses())
    assert len({first, of(Length(factor=2), Moody(), After(), Uses()), of(Length(), Moody(), After())}) == 3


def start(tmp_path: Path, store: Store, rows: list[SourceRow]) -> "subprocess.Popen[bytes]":
    (tmp_path / "rows.json").write_text(json.dumps([row.model_dump() for row in rows]))
    script = "import sys; from watched_build_for_tests import main; main(*sys.argv[1:])"
    env = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
    return subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "rows.json"), store.url], env=env)


def wait_for(look: Callable[[], Status], enough: Callable[[Status], object]) -> Status:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = look()
        if enough(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"in vain: {found}")


def test_a_running_build_is_seen_from_outside_and_goes_quietly(tmp_path: Path, store: Store):
    rows = make_rows(tmp_path / "in", ["slow"] * 18)  # eight at a time are in flight, and end about together
    child = start(tmp_path, store, rows)
    try:
        found = wait_for(lambda: status(plan(), store, rows), lambda found: found.rate_per_s)
        (run,) = found.runs
        assert (run.beat.pid, run.beat.workers, run.silent, run.same) == (child.pid, 2, False, True)
        assert 0.1 < found.rate_per_s < 3  # two workers, a second each, and their start
        assert found.left_s == pytest.approx((18 - found.finished) / found.rate_per_s)
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
    found = status(plan(), store, rows)
    assert (found.finished, found.runs, found.rate_per_s) == (18, (), None)
    assert found.last is not None
    assert (found.last.end, found.last.worked) == ("finished", 18)
    assert "nothing is left to do" in told_of(found)


def test_a_killed_driver_falls_silent_and_the_next_build_clears_up(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
):
    rows = make_rows(tmp_path / "in", ["slow"] * 4)
    child = start(tmp_path, store, rows)
    try:
        wait_for(lambda: status(plan(), store, rows), lambda found: found.runs)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    left = beats(store)
    assert [beat.pid for beat in left] == [child.pid]
    monkeypatch.setattr(beats_module, "SILENT_S", 0.5)
    time.sleep(0.6)
    found = status(plan(), store, rows)
    assert ([run.silent for run in found.runs], found.rate_per_s) == ([True], None)
    child = start(tmp_path, store, rows)  # with a minute's patience: the beat is not an old one yet
    assert child.wait(60) == 0
    assert beats(store) == left
    put(store, f"x-{left[0].pid}", now=time.time() - 2 * SILENT_S)
    child = start(tmp_path, store, rows)
    assert child.wait(60) == 0
    assert [beat.pid for beat in beats(store)] == [left[0].pid]


def test_the_command_tells_people_and_machines(tmp_path: Path):
    (tmp_path / "note.txt").write_text("I like it.")
    (tmp_path / "r.yaml").write_text("name: tiny\nsources: [note.txt]\nsegment: {by: whole}\n")

    def affectloom(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from pipelines.cli import main; main()", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert "tiny: 0 of 1 recordings finished (0.0%)" in affectloom("status", "r.yaml")
    affectloom("build", "r.yaml", "--quiet")
    told = json.loads(affectloom("status", "r.yaml", "--json"))
    assert (told["recordings"], told["finished"], told["runs"]) == (1, 1, [])
    assert told["steps"]["samples.v1"] == {"made": 1}
    assert told["last_run"]["end"] == "finished"
