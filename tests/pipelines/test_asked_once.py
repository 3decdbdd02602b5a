"""A source that said no for good is not asked again for the same thing; whatever may make a yes of it asks anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_site import Reply, Site, site

from pipelines import work
from pipelines.store import Store

TONE = (Path(__file__).parents[2] / "pipelines/demo/media/voice.flac").read_bytes()
RECIPE = """
name: t
sources: s.csv
acquire: {private_addresses: [127.0.0.1], delay_s: 0, tries: 1, max_mb: MB}
segment: {by: whole}
"""


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as made:
        yield made


def build(folder: Path, url: str, *, mb: int = 10, licence: str = "", retry: bool = False) -> work.Tally:
    (folder / "s.csv").write_text(f"id,path,licence\na,{url},{licence}\n")
    (folder / "r.yaml").write_text(RECIPE.replace("MB", str(mb)))
    return work.build(folder / "r.yaml", str(folder / "store"), workers=1, retry=retry, quiet=True)


def test_a_refusal_for_good_is_told_by_each_build_and_asked_for_once(web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(b"gone", 404))
    assert build(tmp_path, url).failed == {"a"}
    assert build(tmp_path, url).failed == {"a"}
    assert web.count("/a.flac") == 1
    again = build(tmp_path, url)
    assert "404" in Path(again.report).read_text()


def test_a_refusal_that_may_pass_is_asked_for_by_the_next_build(web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(b"busy", 503), Reply(TONE, type="audio/flac"))
    assert build(tmp_path, url).failed == {"a"}
    assert not build(tmp_path, url).failed
    assert web.count("/a.flac") == 2


def test_another_row_asks_anew(web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(b"gone", 404), Reply(TONE, type="audio/flac"))
    assert build(tmp_path, url).failed == {"a"}
    assert not build(tmp_path, url, licence="CC-BY-4.0").failed


def test_other_limits_ask_anew(web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(TONE + bytes(2 << 20), type="audio/flac"))
    assert build(tmp_path, url, mb=1).failed == {"a"}
    asked = web.count("/a.flac")
    assert build(tmp_path, url, mb=1).failed == {"a"}
    assert web.count("/a.flac") == asked
    assert not build(tmp_path, url, mb=9).failed


def test_retry_asks_at_once(web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(b"gone", 404), Reply(TONE, type="audio/flac"))
    assert build(tmp_path, url).failed == {"a"}
    assert not build(tmp_path, url, retry=True).failed
    assert Store(str(tmp_path / "store")).source("a") is not None


def with_password(url: str, password: str) -> str:
    return url.replace("http://", f"http://ann:{password}@")


def test_another_password_asks_anew(web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(b"who?", 401), Reply(TONE, type="audio/flac"))
    assert build(tmp_path, with_password(url, "wrong")).failed == {"a"}
    assert build(tmp_path, with_password(url, "wrong")).failed == {"a"}
    assert web.count("/a.flac") == 1
    assert not build(tmp_path, with_password(url, "right")).failed


@pytest.mark.parametrize("by", ["", "yt-dlp:"])
def test_passwords_are_sent_and_never_lie_in_the_store(by: str, web: Site, tmp_path: Path):
    url = web.serve("/a.flac", Reply(TONE, type="audio/flac"))
    assert not build(tmp_path, by + with_password(url, "s3cret")).failed
    assert web.asked[-1].headers["authorization"].startswith("Basic ")
    asked = len(web.asked)
    assert not build(tmp_path, by + with_password(url, "s3cret")).failed
    assert len(web.asked) == asked
    held = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert len(held) > 3
    assert not [file for file in held if b"s3cret" in file.read_bytes()]
