import multiprocessing
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fetch.pace import Later, Pace, backoff
from pipelines.store import Store
from schemas.acquire import Acquire


def _take(folder: str, turns: int, out: "multiprocessing.Queue[float]") -> None:
    how = Acquire(delay_s=0.05, jitter=0.2)
    for _ in range(turns):
        Pace(Path(folder)).take("x.org", how)
        out.put(time.time())


def test_several_processes_together_are_no_faster_than_one_may_be(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = [context.Process(target=_take, args=(str(tmp_path), 8, out)) for _ in range(3)]
    for worker in workers:
        worker.start()
    times = sorted(out.get(timeout=60) for _ in range(24))
    for worker in workers:
        worker.join()
    # A turn may begin late, where the machine is busy, and never early: no 20 turns fit in less than 19 delays.
    assert times[-1] - times[0] >= 23 * 0.05 - 0.05
    assert all(b - a >= 9 * 0.05 - 0.05 for a, b in zip(times, times[10:], strict=False))


def test_hosts_do_not_wait_for_each_other(tmp_path: Path):
    how = Acquire(delay_s=5)
    started = time.monotonic()
    for host in ("a", "b", "c"):
        Pace(tmp_path).take(host, how)
    assert time.monotonic() - started < 2


def test_the_day_s_requests_and_bytes_end(tmp_path: Path):
    pace = Pace(tmp_path)
    how = Acquire(delay_s=0, requests_a_day=2, mb_a_day=1)
    pace.take("x", how)
    pace.take("x", how)
    with pytest.raises(Later, match="2 requests to x are spent") as caught:
        pace.take("x", how)
    assert caught.value.retry
    pace.take("y", how)
    pace.spent(600_000)
    pace.take("z", how)
    pace.spent(400_000)
    with pytest.raises(Later, match="1 MB are spent"):
        pace.take("z", how)


@pytest.mark.parametrize("left", [b"", b"{", b"[1]", b'{"nope": 1}', b"\0" * 300])
def test_a_file_that_was_cut_off_stops_nobody(tmp_path: Path, left: bytes):
    pace = Pace(tmp_path)
    pace.take("x", Acquire(delay_s=0))
    (file,) = tmp_path.iterdir()
    file.write_bytes(left)
    started = time.monotonic()
    pace.take("x", Acquire(delay_s=0))
    assert time.monotonic() - started < 3
    pace.take("x", Acquire(delay_s=0))


def test_a_folder_elsewhere_stands_in_for_a_store_that_cannot_be_locked(tmp_path: Path):
    one, other = (Pace.of_store(Store(f"memory://{name}")) for name in "ab")
    assert one.folder != other.folder
    assert Pace.of_store(Store(str(tmp_path))).folder == tmp_path / "private/pace"


@given(attempt=st.integers(1, 60), start=st.floats(0, 100), longest=st.floats(0, 1000))
def test_waits_double_and_stay_under_the_longest(attempt: int, start: float, longest: float):
    whole = min(start * 2 ** (attempt - 1), longest)
    waited = backoff(attempt, Acquire(backoff_s=start, longest_wait_s=longest))
    assert whole / 2 <= waited <= whole
