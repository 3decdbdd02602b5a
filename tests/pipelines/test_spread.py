"""One function over many things, in processes of this machine and as Ray tasks."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dataset_making import spoken

from pipelines.engines import engine
from pipelines.engines.ray import RayEngine
from pipelines.engines.ray_spread import spread as ray_spread
from pipelines.engines.spread import spread
from pipelines.publishing.publish import publish
from pipelines.store import Store
from schemas.errors import StoreError, UsageError
from schemas.publication import About, Publication

pytestmark = pytest.mark.filterwarnings("ignore")  # what Ray warns of in its own code is its to mend


def square(number):
    return number * number, os.getpid()


def die_twice(place: Path, number: int) -> int:
    tries = place / str(number)
    if number == 2:
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        if len(tries.read_text()) < 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number):
    if number == 3:
        raise StoreError("no room", do="make some")
    time.sleep(0.01)
    return number


def threads(_number):
    return os.environ.get("OMP_NUM_THREADS")


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


@pytest.fixture(params=["processes", "ray"])
def spreading(request):
    """Both ways, with two workers."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
        return partial(ray_spread, 2)
    return partial(spread, 2)


def test_every_item_is_done_once_in_other_processes(spreading):
    told = list(spreading(square, iter(range(20))))
    assert sorted(result for result, _ in told) == [number * number for number in range(20)]
    assert os.getpid() not in {process for _, process in told}
    assert list(spreading(square, [])) == []


def test_a_worker_that_dies_costs_its_item_another_try(spreading, tmp_path):
    assert sorted(spreading(partial(die_twice, tmp_path), range(6))) == list(range(6))
    assert (tmp_path / "2").read_text() == "xxx"


def test_an_item_that_kills_again_and_again_ends_the_run(spreading):
    with pytest.raises(UsageError, match=r"died 3 times.* at 2"):
        list(spreading(die, range(6)))


def test_what_the_function_raises_is_raised_here(spreading):
    with pytest.raises(StoreError, match="no room") as told:
        list(spreading(refuse, range(50)))
    assert told.value.do == "make some"


def test_workers_have_one_thread(spreading, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert set(spreading(threads, range(4))) == {"1"}
    assert "OMP_NUM_THREADS" not in os.environ


def test_items_are_taken_as_they_are_needed():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = spread(2, square, items())
    next(results)
    assert len(taken) < 6
    results.close()


def test_workers_stay_for_the_next_function(tmp_path):
    with engine("local", 2).spreading(Store(str(tmp_path))) as processes:
        first = {process for _, process in processes(square, range(8))}
        results = processes(square, range(8))
        next(results)
        results.close()  # what was at work is ended
        again = {process for _, process in processes(square, range(8))}
        assert len(first) == len(again) == 2
        assert {process for _, process in processes(partial(square), range(8))} == again
    for process in again:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_one_worker_is_this_process():
    assert {process for _, process in spread(1, square, range(3))} == {os.getpid()}


def test_ray_publishes_the_bytes_that_one_process_publishes(tmp_path, cluster):
    made = [spoken(tmp_path, f"r{number:02d}", [(0, 4.0), (4, 9.5)], seed=number) for number in range(8)]
    how = Publication(shard_mb=1, splits={"train": 0.7, "test": 0.3}, group_by="recording")
    publish(made, how, str(tmp_path / "one"), about=About(name="x"))
    with engine("ray", 2).spreading(Store(str(tmp_path))) as tasks:
        report = publish(made[::-1], how, str(tmp_path / "ray"), about=About(name="x"), spread=tasks)
        again = publish(made, how, str(tmp_path / "ray"), about=About(name="x"), spread=tasks)
    assert report.written == again.kept == len(report.shards) > 3
    files = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "one", tmp_path / "ray")
    ]
    assert files[0] == files[1]
