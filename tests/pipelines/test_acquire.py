import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from steps_for_tests import Length

from pipelines.acquiring.acquire import acquire, is_current
from pipelines.fetch.addresses import check as check_address
from pipelines.lineage import Lineage
from pipelines.recording import StoredRecording
from pipelines.store import Store
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable, TooLong
from schemas.source import SourceRow

BODY = b"media" * 1000
HERE = Acquire(private_addresses=True, delay_s=0, tries=2, backoff_s=0.01)


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self):
        type(self).asked.append(self.path)
        if self.path == "/busy":
            self.send_error(503)
        elif self.path == "/gone":
            self.send_error(404)
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[: 10 if self.path == "/short" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = []
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def recording(tmp_path: Path) -> StoredRecording:
    return Store(str(tmp_path / "store")).open("a", Lineage([Length()]))


def test_a_local_file_is_hashed_and_left_where_it_is(tmp_path: Path, recording: StoredRecording):
    (tmp_path / "a.mp4").write_bytes(BODY)
    row = SourceRow(id="a", uri=str(tmp_path / "a.mp4"), speaker="anna")
    assert not is_current(row, recording)
    assert acquire(row, recording, Acquire())
    assert recording.source.sha256 == hashlib.sha256(BODY).hexdigest()
    assert recording.source.bytes == len(BODY)
    assert is_current(row, recording)
    assert not acquire(row, recording, Acquire())
    with recording.local("media") as path:
        assert path == tmp_path / "a.mp4"


def test_a_changed_word_in_the_table_is_taken_over(tmp_path: Path, recording: StoredRecording):
    (tmp_path / "a.mp4").write_bytes(BODY)
    row = SourceRow(id="a", uri=str(tmp_path / "a.mp4"), speaker="anna")
    acquire(row, recording, Acquire())
    changed = row.model_copy(update={"speaker": "bea"})
    assert not is_current(changed, recording)
    assert acquire(changed, recording, Acquire())
    assert recording.source.speaker == "bea"


def test_a_download_is_kept_and_not_repeated(server: str, recording: StoredRecording):
    row = SourceRow(id="a", uri=f"{server}/clip.mp4")
    acquire(row, recording, HERE)
    with recording.local("media") as path:
        assert path.read_bytes() == BODY
    assert not acquire(row, recording, HERE)
    acquire(row.model_copy(update={"speaker": "anna"}), recording, HERE)
    assert Handler.asked == ["/clip.mp4"]


@pytest.mark.parametrize(
    ("path", "message", "retry"),
    [
        ("/busy", "answered 503", True),
        ("/gone", "answered 404", False),
        ("/short", "broke off after 10 of 5,000", True),
    ],
)
def test_a_failed_download_says_whether_trying_again_can_help(
    server: str, recording: StoredRecording, path: str, message: str, retry: object
):
    with pytest.raises(SourceUnavailable, match=message) as caught:
        acquire(SourceRow(id="a", uri=server + path), recording, HERE)
    assert caught.value.retry is retry
    assert not recording.acquired


def test_a_redirect_to_a_file_is_refused(server: str, recording: StoredRecording):
    with pytest.raises(SourceUnavailable, match="only http and https"):
        acquire(SourceRow(id="a", uri=f"{server}/elsewhere"), recording, HERE)
    assert not recording.acquired


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_the_own_network_is_out_of_bounds_unless_allowed(host: str):
    with pytest.raises(SourceUnavailable, match="inside the own network"):
        check_address(f"http://{host}/x", Acquire())
    check_address(f"http://{host}/x", HERE)


@pytest.mark.parametrize("url", ["ftp://x.org/a", "file:///etc/passwd", "simplecache::http://127.0.0.1/a"])
def test_other_schemes_are_refused(url: str):
    with pytest.raises(SourceUnavailable, match="only http and https"):
        check_address(url, HERE)


def test_credentials_stay_out_of_messages(recording: StoredRecording):
    with pytest.raises(SourceUnavailable) as caught:
        acquire(SourceRow(id="a", uri="http://me:secret@127.0.0.1:9/x?token=secret"), recording, Acquire())
    assert "secret" not in str(caught.value)


def test_what_is_too_large_is_refused(tmp_path: Path, recording: StoredRecording, server: str):
    (tmp_path / "a.mp4").write_bytes(b"x" * 1_000_001)
    with pytest.raises(TooLong, match="allowed are 1"):
        acquire(SourceRow(id="a", uri=str(tmp_path / "a.mp4")), recording, Acquire(max_mb=1))


@pytest.mark.parametrize("name", ["missing.mp4", "."])
def test_what_is_not_a_file_is_said(tmp_path: Path, recording: StoredRecording, name: str):
    with pytest.raises(SourceUnavailable, match=r"does not exist|is not a file"):
        acquire(SourceRow(id="a", uri=str(tmp_path / name)), recording, Acquire())


def test_a_text_is_its_own_media(recording: StoredRecording):
    row = SourceRow(id="a", text="Hello.")
    acquire(row, recording, Acquire())
    assert recording.source.sha256 == hashlib.sha256(b"Hello.").hexdigest()
    assert is_current(row, recording)
    assert not is_current(row.model_copy(update={"text": "Bye."}), recording)
