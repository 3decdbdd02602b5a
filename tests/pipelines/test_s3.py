"""A store, sources, turns, a dataset and raters' clips on S3: s3fs against a server that speaks its protocol (moto)."""

import hashlib
import logging
import multiprocessing
import shutil
import tempfile
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from asking_for_tests import written
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from annotation.media_server import object_link
from pipelines import work
from pipelines.annotating.home import Home
from pipelines.annotating.tasks import prepare
from pipelines.fetch.pace import Later, Pace
from pipelines.store import Store
from schemas.acquire import Acquire

DEMO = Path(work.__file__).parent / "demo" / "media"
DAY_S = 86_400
MOST_S = 7 * DAY_S
"""How long S3 signs a link for at most, and Google Cloud Storage too."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """An empty bucket in a region that takes signatures of version 4 alone, found as users let it be found."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    name = f"b-{uuid.uuid4().hex[:12]}"
    fs.call_s3("create_bucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield name
    fs.rm(name, recursive=True)


@pytest.fixture
def requests(server: str) -> Iterator[list[str]]:
    """What the server was asked, as its log has it."""
    log, found = logging.getLogger("werkzeug"), []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.propagate = False
    yield found
    log.removeHandler(handler)
    log.propagate = True
    log.setLevel(logging.ERROR)


def test_a_build_asks_as_often_as_the_estimate_says_and_never_for_the_whole_store(
    bucket: str, requests: list[str], tmp_path: Path
):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: few\nsources: '*.flac'\nsegment: {by: whole}\nmeasure: {prosody: {}}\n")
    made: dict[int, int] = {}
    for count in (2, 5):
        for number in range(count):
            shutil.copy(DEMO / "voice.flac", tmp_path / f"{number}.flac")
        requests.clear()
        work.build(recipe, f"s3://{bucket}/of{count}", workers=1)
        made[count] = sum("recordings/" in line or "taken_down" in line for line in requests)
        walks = [line for line in requests if f"prefix=of{count}/recordings/&" in line]
        assert walks == [], "the list of all recordings grows with them"
    each = (made[5] - made[2]) / 3
    told = work.estimate(
        recipe,
        f"s3://{bucket}/of5",
        recordings=1000,
        minutes=None,
        cpus=1,
        gpus=0,
        figures=None,
    )
    assert each > 20
    assert told.requests == pytest.approx(1000 * each, rel=0.1)


def asked(link: str, wanted: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(link, headers={"Range": wanted} if wanted else {})  # noqa: S310 - our own
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        return reply.status, reply.read()


def files(url: str) -> dict[str, str]:
    """Name to SHA-256 of what lies under a URL, but the reports of runs and the marks of a store."""
    fs, root = fsspec.core.url_to_fs(url)
    fs.invalidate_cache()
    found = {path.removeprefix(root).lstrip("/"): path for path in fs.find(root)}
    return {
        name: hashlib.sha256(fs.cat_file(path)).hexdigest()
        for name, path in found.items()
        if not name.startswith(("runs/", "private/")) and not name.endswith(".writable")
    }


def test_a_signed_link_gives_a_range_of_the_object_for_at_most_a_week(bucket: str):
    fs = fsspec.filesystem("s3")
    fs.pipe_file(f"{bucket}/clips/a b.mp4", b"0123456789")
    link = object_link(f"s3://{bucket}/clips/a b.mp4", 3600)
    assert asked(link, "bytes=2-5") == (206, b"2345")
    assert asked(link) == (200, b"0123456789")
    told = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
    assert (told["X-Amz-Algorithm"], told["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["3600"])


def test_a_build_and_its_dataset_are_those_of_a_disk(bucket: str, tmp_path: Path):
    recipe = written(tmp_path)
    there, here = f"s3://{bucket}/store", str(tmp_path / "store")
    for store in (there, here):
        assert work.build(recipe, store, workers=2).exit_code == 0
    assert files(there) == files(here)
    again = work.build(recipe, there, workers=1)
    assert again.exit_code == 0
    assert sum(step["made"] for step in again.steps.values()) == 0
    for store, out in ((there, f"s3://{bucket}/out"), (here, str(tmp_path / "out"))):
        work.publish(recipe, store, out, workers=1)
    assert files(f"s3://{bucket}/out") == files(str(tmp_path / "out"))


def test_recordings_of_a_bucket_are_those_of_a_folder(bucket: str, tmp_path: Path):
    recipe = written(tmp_path)
    fs = fsspec.filesystem("s3")
    for path in (tmp_path / "media").iterdir():
        fs.put_file(str(path), f"{bucket}/media/{path.name}")
    recipe.write_text(f"name: sample\nsources: s3://{bucket}/media/*.mp4\nsegment: {{by: whole}}\n")
    assert work.build(recipe, str(tmp_path / "store"), workers=1).exit_code == 0
    for path in (tmp_path / "media").glob("*.mp4"):
        (kept,) = (tmp_path / "store" / "recordings" / path.stem).glob("media.*")
        assert kept.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("days", [0.5, 14])
def test_raters_get_clips_by_signed_links(bucket: str, tmp_path: Path, days: float):
    recipe = written(tmp_path, annotate=f"{{raters: 1, link_days: {days}}}")
    there, here = f"s3://{bucket}/store", str(tmp_path / "store")
    made = []
    for store in (there, here):
        assert work.build(recipe, store, workers=1).exit_code == 0
        made.append(prepare(Home(recipe, store), "http://localhost:1", 1.8e9, [], lambda _done: None))
    signed, served = made
    assert min(days, 4.6) * DAY_S <= signed.until - 1.8e9 <= min(1.5 * days * DAY_S, MOST_S)
    assert signed.links["video"].keys() == served.links["video"].keys() != set()
    for item, link in signed.links["video"].items():
        name = urllib.parse.unquote(served.links["video"][item].rpartition("/")[2])
        clip = (tmp_path / "store" / "annotations" / "sample" / "media" / name).read_bytes()
        assert asked(link, "bytes=0-99") == (206, clip[:100])
        assert asked(link) == (200, clip)
        told = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
        assert int(told["X-Amz-Expires"][0]) == signed.until - 1.8e9


def take(url: str, turns: int, temporary: str, out: "multiprocessing.Queue[float]") -> None:
    """A worker of a machine of its own: its temporary folder is nobody else's."""
    tempfile.tempdir = temporary
    pace = Pace.of_store(Store(url))
    for _ in range(turns):
        pace.take("x.org", Acquire(delay_s=0.2, jitter=0.2))
        out.put(time.time())


def test_machines_that_share_nothing_but_a_bucket_are_together_no_faster_than_one(bucket: str, tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = []
    for number in range(3):
        (tmp_path / f"{number}").mkdir()
        workers.append(context.Process(target=take, args=(f"s3://{bucket}/store", 5, str(tmp_path / f"{number}"), out)))
        workers[-1].start()
    times = sorted(out.get(timeout=120) for _ in range(15))
    for worker in workers:
        worker.join()
    # What is put into the queue may arrive late, and never early: over many turns that evens out.
    assert all(later - earlier >= 4 * 0.2 - 0.1 for earlier, later in zip(times, times[4:], strict=False))
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_what_a_host_asks_for_and_what_a_day_may_cost_is_known_to_every_machine(bucket: str):
    one, other = (Pace.of_store(Store(f"s3://{bucket}/store")) for _ in range(2))
    one.hold("x.org", 1.5)
    started = time.monotonic()
    other.take("x.org", Acquire(delay_s=0))
    assert 1 < time.monotonic() - started < 20
    one.hold("slow.org", 1000)
    with pytest.raises(Later, match="asks to be left alone"):
        other.take("slow.org", Acquire())
    few = Acquire(delay_s=0, requests_a_day=2, mb_a_day=1)
    one.take("y.org", few)
    other.take("y.org", few)
    with pytest.raises(Later, match="2 requests to"):
        one.take("y.org", few)
    other.spent(600_000)
    one.take("z.org", few)
    one.spent(400_000)
    with pytest.raises(Later, match="1 MB are spent"):
        other.take("z.org", few)


def test_only_the_last_changes_of_a_host_stay(bucket: str):
    store = Store(f"s3://{bucket}/store")
    pace = Pace.of_store(store)
    for _ in range(105):
        pace.take("x.org", Acquire(delay_s=0))
    (folder,) = (name for name in store.listing(f"{store.root}/private/pace") if len(name) == 32)
    assert len(store.listing(f"{store.root}/private/pace/{folder}")) <= 102


def test_a_store_that_writes_over_what_is_there_has_each_machine_keep_the_pace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    class Careless(MemoryFileSystem):
        """Takes no notice of conditions, as some servers that speak S3."""

        protocol = "s3"

        def pipe_file(self, path, value, mode="overwrite", **how):
            super().pipe_file(path, value, **how)

    store = Store("memory://careless")
    store.fs, store.protocol = Careless(skip_instance_cache=True), "s3"
    assert isinstance(Pace.of_store(store).folder, Path)
    assert "each machine keeps the pace by itself" in caplog.text
