"""Links to clips open one file each, until they expire, and nothing else."""

import http.client
import threading
import urllib.parse
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.media_server import MediaServer, byte_range, expiry, link, named_by, object_link
from schemas.errors import UsageError

SECRET = b"a secret of more than sixteen bytes"
CLIP = bytes(range(256)) * 40
NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(tmp_path, clock):
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "clip#0001.mp4").write_bytes(CLIP)
    (folder / "empty.flac").write_bytes(b"")
    (folder / "page.html").write_text("<script>alert(1)</script>")
    (folder / "way.mp4").symlink_to(tmp_path / "private.mp4")
    (folder / "below").mkdir()
    (tmp_path / "private.mp4").write_bytes(b"nobody may see this")
    with MediaServer(folder, SECRET, origin="http://label.example:8080/user", clock=clock) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, path, method="GET", **headers):
    """Status, headers and body; the path goes out as it is, with all its dots."""
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): given for name, given in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def path_of(name, *, secret=SECRET, expires=int(NOW) + 60):
    return urllib.parse.urlsplit(link("http://h", name, secret, expires)).path


def test_a_link_opens_its_clip_for_label_studio_alone(server):
    url = link(server.base, "clip#0001.mp4", SECRET, int(NOW) + 60)
    status, headers, body = ask(server, urllib.parse.urlsplit(url).path)
    assert (status, body) == (200, CLIP)
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Access-Control-Allow-Origin"] == "http://label.example:8080"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-", 0, 10240),
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=10239-", 10239, 10240),
        ("bytes=10000-99999", 10000, 10240),
        ("bytes=-7", 10233, 10240),
        ("bytes=-99999", 0, 10240),
    ],
)
def test_byte_ranges_are_answered_as_the_standard_says(server, asked, first, end):
    status, headers, body = ask(server, path_of("clip#0001.mp4"), Range=asked)
    assert status == 206
    assert body == CLIP[first:end]
    assert headers["Content-Range"] == f"bytes {first}-{end - 1}/10240"
    assert int(headers["Content-Length"]) == end - first


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-", "bytes=-0"])
def test_a_range_outside_the_clip_is_refused_with_its_length(server, asked):
    status, headers, body = ask(server, path_of("clip#0001.mp4"), Range=asked)
    assert (status, headers["Content-Range"], body) == (416, "bytes */10240", b"")


@pytest.mark.parametrize("asked", ["bytes=5-2", "items=0-5", "bytes=0-1,5-6", "bytes=-", "nonsense"])
def test_a_range_that_makes_no_sense_gives_the_whole_clip(server, asked):
    status, _, body = ask(server, path_of("clip#0001.mp4"), Range=asked)
    assert (status, body) == (200, CLIP)


@given(size=st.integers(1, 500), first=st.integers(0, 600), last=st.integers(0, 600))
def test_a_range_is_what_slicing_gives(size, first, last):
    whole = bytes(at % 256 for at in range(size))
    start, end, status = byte_range(f"bytes={first}-{last}", size)
    if first > last:
        assert status == HTTPStatus.OK
    elif whole[first : last + 1]:
        assert whole[start:end] == whole[first : last + 1]
        assert status == HTTPStatus.PARTIAL_CONTENT
    else:
        assert status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def test_an_empty_clip_is_served_and_has_no_ranges(server):
    assert ask(server, path_of("empty.flac"))[::2] == (200, b"")
    assert ask(server, path_of("empty.flac"), Range="bytes=0-")[0] == 416


def test_head_tells_the_length_and_sends_nothing(server):
    status, headers, body = ask(server, path_of("clip#0001.mp4"), "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "10240", b"")


def test_a_browser_may_ask_for_ranges_from_another_origin(server):
    status, headers, _ = ask(server, path_of("clip#0001.mp4"), "OPTIONS", Origin="http://label.example:8080")
    assert status == 204
    assert "Range" in headers["Access-Control-Allow-Headers"]


def test_a_link_ends_when_it_expires(server, clock):
    path = path_of("clip#0001.mp4", expires=int(NOW) + 60)
    clock.now = NOW + 59.9
    assert ask(server, path)[0] == 200
    clock.now = NOW + 60
    status, _, body = ask(server, path)
    assert (status, body) == (410, b"")


def test_a_later_expiry_or_another_name_needs_another_signature(server):
    good = path_of("clip#0001.mp4")
    _, mark, expires, signature, name = good.split("/")
    assert ask(server, f"/{mark}/{int(expires) + 1}/{signature}/{name}")[0] == 403
    assert ask(server, f"/{mark}/{expires}/{signature}/empty.flac")[0] == 403
    changed = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert ask(server, f"/{mark}/{expires}/{changed}/{name}")[0] == 403
    assert ask(server, path_of("clip#0001.mp4", secret=b"another secret of good length"))[0] == 403


@pytest.mark.parametrize("path", ["/", "/clip%230001.mp4", "/m/", "/m/1/x/clip.mp4", "/../private.mp4", "//etc/passwd"])
def test_without_a_link_there_is_nothing(server, path):
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize(
    "name", ["../private.mp4", "..", ".", "below", "below/x", "/etc/passwd", "way.mp4", "", "a\0b"]
)
def test_even_a_signed_name_does_not_leave_the_folder(server, name):
    from annotation import media_server

    signature = media_server._signature(name, SECRET, int(NOW) + 60)
    status, _, body = ask(server, f"/m/{int(NOW) + 60}/{signature}/{urllib.parse.quote(name, safe='')}")
    assert (status, body) == (404, b"")


@pytest.mark.parametrize("name", ["../x.mp4", "a/b.mp4", "", ".hidden", "a\nb"])
def test_a_name_that_is_no_clip_gets_no_link(name):
    with pytest.raises(UsageError, match="cannot be served"):
        link("http://h", name, SECRET, 5)


def test_a_short_secret_is_refused(tmp_path):
    with pytest.raises(UsageError, match="at least 16"):
        link("http://h", "a.mp4", b"short", 5)
    with pytest.raises(UsageError, match="at least 16"):
        MediaServer(tmp_path, b"short")


def test_a_page_is_never_run_as_one(server):
    _, headers, _ = ask(server, path_of("page.html"))
    assert "sandbox" in headers["Content-Security-Policy"]


@given(now=st.floats(0, 4e9), days=st.floats(0.01, 365))
def test_links_last_as_long_as_asked_and_half_as_long_again_at_most(now, days):
    expires = expiry(now, days)
    assert now + days * 86_400 - 2 <= expires <= now + 1.5 * days * 86_400 + 2


def test_pushes_of_one_week_make_the_same_links():
    week = 14 * 86_400
    start = week * 1000
    assert expiry(start + 5, 14) == expiry(start + 3 * 86_400, 14)


@given(st.text(max_size=80))
def test_any_path_is_answered_with_a_status_or_a_plain_name(path):
    named = named_by(path, SECRET, NOW)
    assert isinstance(named, HTTPStatus) or "/" not in named


def test_a_disk_cannot_sign_links(tmp_path):
    with pytest.raises(UsageError, match="cannot sign"):
        object_link(f"file://{tmp_path}/a.mp4", 60)


def test_an_object_store_signs_links():
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Signing(MemoryFileSystem):
        protocol = "signing"

        @classmethod
        def _strip_protocol(cls, path):
            return path.removeprefix("signing://").lstrip("/")

        def sign(self, path, expiration=100, **_):
            return f"https://bucket.example/{self._strip_protocol(path)}?expires={expiration}"

    fsspec.register_implementation("signing", Signing, clobber=True)
    assert object_link("signing://bucket/a.mp4", 60) == "https://bucket.example/bucket/a.mp4?expires=60"
