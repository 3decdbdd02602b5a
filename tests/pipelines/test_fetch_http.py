import hashlib
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from loopback_site import Reply, Site, site

from pipelines.fetch.http import fetch, retry_after
from pipelines.fetch.pace import Later, Pace
from pipelines.fetch.pages import fetch_page
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong

BODY = bytes(range(256)) * 4000
HOW = Acquire(private_addresses=("127.0.0.1",), delay_s=0, tries=3, backoff_s=0.02, timeout_s=5)


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as made:
        yield made


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_what_broke_off_goes_on_where_it_stopped(web: Site, tmp_path: Path):
    web.serve("/a", Reply(BODY, etag='"1"', cut_after=300_000), Reply(BODY, etag='"1"'))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW) == (sha(BODY), len(BODY))
    assert (tmp_path / "a").read_bytes() == BODY
    assert web.asked[1].headers["range"] == "bytes=300000-"
    assert web.asked[1].headers["if-range"] == '"1"'


def test_a_file_that_changed_in_between_is_begun_again_and_never_mixed(web: Site, tmp_path: Path):
    other = BODY[::-1]
    web.serve("/a", Reply(BODY, etag='"1"', cut_after=300_000), Reply(other, etag='"2"'))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW) == (sha(other), len(other))
    assert (tmp_path / "a").read_bytes() == other


def test_a_host_that_sends_the_rest_of_something_else_is_not_believed(web: Site, tmp_path: Path):
    """It ignores If-Range: 206 with another length, then the new file whole."""
    other = BODY[::-1] + b"more"
    lying = Reply(other[300_000:], 206, headers=(("Content-Range", f"bytes 300000-{len(other) - 1}/{len(other)}"),))
    web.serve("/a", Reply(BODY, etag='"1"', cut_after=300_000), lying, Reply(other))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW) == (sha(other), len(other))


def test_without_a_strong_mark_what_broke_off_is_begun_again(web: Site, tmp_path: Path):
    web.serve("/a", Reply(BODY, etag='W/"1"', cut_after=10), Reply(BODY))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW)[0] == sha(BODY)
    assert "range" not in web.asked[1].headers


def test_more_declared_than_sent_is_a_failure_that_may_be_tried_again(web: Site, tmp_path: Path):
    web.serve("/a", Reply(b"short", declared=100))
    with pytest.raises(SourceUnavailable, match="broke off after 5 of 100 bytes") as caught:
        fetch(f"{web.url}/a", tmp_path / "a", HOW)
    assert caught.value.retry
    assert web.count("/a") == HOW.tries


def test_less_declared_than_sent_ends_where_it_was_declared(web: Site, tmp_path: Path):
    web.serve("/a", Reply(BODY, declared=100))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW) == (sha(BODY[:100]), 100)


@pytest.mark.parametrize("declared", ["-5", "1e9", "12, 13", "x"])
def test_a_length_that_is_no_number_does_no_harm(web: Site, tmp_path: Path, declared: str):
    web.serve("/a", Reply(b"body", length=False, headers=(("Content-Length", declared),)))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW)[1] == 4


def test_an_endless_body_ends_at_the_limit(web: Site, tmp_path: Path):
    web.serve("/a", Reply(endless=True))
    with pytest.raises(TooLong, match="allowed are 2"):
        fetch(f"{web.url}/a", tmp_path / "a", HOW.model_copy(update={"max_mb": 2}))
    assert (tmp_path / "a").stat().st_size < 3_000_000
    assert web.count("/a") == 1


def test_a_declared_length_over_the_limit_is_not_read(web: Site, tmp_path: Path):
    web.serve("/a", Reply(b"x", declared=10**12))
    with pytest.raises(TooLong):
        fetch(f"{web.url}/a", tmp_path / "a", HOW)
    assert (tmp_path / "a").stat().st_size == 0


@pytest.mark.parametrize("reply", [Reply(b"x" * 1000, drip_s=0.05), Reply(b"x" * 1000, drip_s=0.05, length=False)])
def test_a_slow_body_ends_when_its_time_is_over(web: Site, tmp_path: Path, reply: Reply):
    web.serve("/a", reply)
    started = time.monotonic()
    with pytest.raises(TooLong, match=r"acquire\.max_minutes|more than"):
        fetch(f"{web.url}/a", tmp_path / "a", HOW.model_copy(update={"max_minutes": 0.5 / 60}))
    assert time.monotonic() - started < 4


def test_a_host_that_says_nothing_is_given_up(web: Site, tmp_path: Path):
    web.serve("/a", Reply(wait_s=3))
    with pytest.raises(SourceUnavailable, match="timed out"):
        fetch(f"{web.url}/a", tmp_path / "a", HOW.model_copy(update={"timeout_s": 0.2, "tries": 1}))


def test_what_was_packed_unasked_is_not_unpacked(web: Site, tmp_path: Path):
    web.serve("/a", Reply(b"\x1f\x8b", headers=(("Content-Encoding", "gzip"),)))
    with pytest.raises(SourceUnavailable, match="sent packed"):
        fetch(f"{web.url}/a", tmp_path / "a", HOW)
    assert web.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "times", "retry", "word"),
    [(404, 1, False, "not there"), (403, 1, False, "private"), (410, 1, False, "removed"), (451, 1, False, "legal"),
     (500, 3, True, "500"), (503, 3, True, "503"), (429, 3, True, "too many")],
)  # fmt: skip
def test_only_what_waiting_can_mend_is_tried_again(
    web: Site, tmp_path: Path, *, status: int, times: int, retry: bool, word: str
):
    web.serve("/a", Reply(status=status))
    with pytest.raises(SourceUnavailable, match=word) as caught:
        fetch(f"{web.url}/a", tmp_path / "a", HOW)
    assert caught.value.retry is retry
    assert web.count("/a") == times


def test_retry_after_is_waited_for_by_every_worker(web: Site, tmp_path: Path):
    pace = Pace(tmp_path / "pace")
    web.serve("/a", Reply(status=429, headers=(("Retry-After", "1"),)), Reply(b"now"))
    assert fetch(f"{web.url}/a", tmp_path / "a", HOW, pace)[1] == 3
    assert web.asked[1].at - web.asked[0].at >= 0.95
    pace.hold("127.0.0.1", 1)
    started = time.monotonic()
    Pace(tmp_path / "pace").take("127.0.0.1", HOW)
    assert time.monotonic() - started >= 0.9


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("by_page", [False, True])
def test_a_host_that_is_asked_too_much_and_names_no_time_is_given_one_by_every_worker(
    status: int, web: Site, tmp_path: Path, *, by_page: bool
):
    pace, how = Pace(tmp_path / "pace"), HOW.model_copy(update={"tries": 2, "backoff_s": 2.0})
    web.serve("/a.mp4", Reply(status=status))
    got: list[float] = []

    def another() -> None:
        while not web.asked:
            time.sleep(0.01)
        time.sleep(0.3)
        Pace(tmp_path / "pace").take("127.0.0.1", how)
        got.append(time.monotonic() - web.asked[0].at)

    worker = threading.Thread(target=another)
    worker.start()
    with pytest.raises(SourceUnavailable):
        if by_page:
            fetch_page(f"yt-dlp:{web.url}/a.mp4", tmp_path, how, pace)
        else:
            fetch(f"{web.url}/a.mp4", tmp_path / "a", how, pace)
    worker.join()
    assert len(web.asked) == 2
    assert web.asked[1].at - web.asked[0].at >= 0.95  # half of it at least: the rest is chance
    assert got[0] >= 0.95


def test_a_host_that_wants_to_be_left_alone_for_long_is(web: Site, tmp_path: Path):
    pace = Pace(tmp_path / "pace")
    web.serve("/a", Reply(status=503, headers=(("Retry-After", "3600"),)))
    with pytest.raises(SourceUnavailable, match="answered 503") as caught:
        fetch(f"{web.url}/a", tmp_path / "a", HOW, pace)
    assert caught.value.retry
    with pytest.raises(Later, match="left alone"):
        fetch(f"{web.url}/b", tmp_path / "b", HOW, pace)
    assert len(web.asked) == 1


def test_retry_after_is_seconds_or_a_date_or_nothing():
    assert retry_after("120") == 120
    assert retry_after(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=3)
    assert retry_after(formatdate(0, usegmt=True)) == 0
    assert [retry_after(text) for text in (None, "soon", "-5", "²", "Fri, 99 Jan 99999")] == [None] * 5


def test_credentials_go_to_their_own_host_alone(tmp_path: Path):
    with site() as one, site() as two:
        two.serve("/b", Reply(b"there"))
        one.serve("/a", Reply(status=302, headers=(("Location", f"{two.url}/b"),)))
        fetch(one.url.replace("//", "//me:secret@") + "/a", tmp_path / "a", HOW)
        assert one.asked[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in two.asked[0].headers


def test_a_circle_of_redirects_ends(web: Site, tmp_path: Path):
    web.serve("/a", Reply(status=302, headers=(("Location", "/a"),)))
    with pytest.raises(SourceUnavailable, match="redirects more than 10"):
        fetch(f"{web.url}/a", tmp_path / "a", HOW)


def test_a_full_disk_is_not_taken_for_the_network(web: Site, tmp_path: Path):
    web.serve("/a", Reply(BODY))
    with pytest.raises(OSError, match="No space left"):
        fetch(f"{web.url}/a", Path("/dev/full"), HOW)
    assert web.count("/a") == 1
