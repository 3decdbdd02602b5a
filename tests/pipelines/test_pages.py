import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_site import Reply, Site, site
from made_media import ffmpeg, picture_source, sound_source
from steps_for_tests import Length

from pipelines.acquiring.acquire import acquire, is_current
from pipelines.acquiring.sources import read_sources
from pipelines.fetch import pages, refusals
from pipelines.fetch.addresses import ForbiddenAddress
from pipelines.fetch.lists import expanded
from pipelines.fetch.pace import Pace
from pipelines.fetch.pages import as_cues, fetch_page, section_of
from pipelines.lineage import Lineage
from pipelines.publishing.provenance import published_uri
from pipelines.segmenting.subtitle_files import read_subtitles
from pipelines.store import Store
from pipelines.watching.ffmpeg import find
from pipelines.watching.probe import Probe, read_listing
from schemas.acquire import Acquire, Web
from schemas.errors import RecordingError, SourceUnavailable, TooLong
from schemas.page import Chapter
from schemas.source import SourceRow

# yt-dlp leaves the file of a download of segments that fails to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CLIP = (Path(__file__).parents[2] / "pipelines/demo/media/talk.mp4").read_bytes()
HOW = Acquire(private_addresses=("127.0.0.1",), delay_s=0, tries=2, backoff_s=0.02, timeout_s=10)
VTT = b"WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n"


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as made:
        yield made


@pytest.fixture
def pace(tmp_path: Path) -> Pace:
    return Pace(tmp_path / "pace")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def html(body: str, head: str = "") -> Reply:
    return Reply(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode(), type="text/html")


def mp4(**told) -> Reply:
    return Reply(CLIP, type="video/mp4", etag='"1"', **told)


def test_a_page_gives_the_media_its_subtitles_and_what_it_says(web: Site, folder: Path, pace: Pace):
    web.serve("/a.mp4", mp4())
    web.serve("/de.vtt", Reply(b"WEBVTT\n\n00:00.000 --> 00:02.000\nHallo\n", type="text/vtt"))
    web.serve("/en.vtt", Reply(VTT, type="text/vtt"))
    tracks = "".join(f'<track kind="subtitles" srclang="{tag}" src="/{tag}.vtt">' for tag in ("de", "en"))
    web.serve("/page", html(f'<video src="/a.mp4">{tracks}</video>', "<title>A talk</title>"))
    found = fetch_page(f"yt-dlp:{web.url}/page", folder, HOW, pace)
    assert found.media.read_bytes() == CLIP
    assert found.subtitles is not None
    assert found.subtitles.read_bytes() == VTT
    assert (found.page.title, found.page.subtitles) == ("A talk (1)", "made en")
    assert web.count("/de.vtt") == 0
    other = HOW.model_copy(update={"web": Web(languages=("fr", "de"))})
    again = fetch_page(f"yt-dlp:{web.url}/page", folder, other, pace)
    assert again.page.subtitles == "made de"
    none = HOW.model_copy(update={"web": Web(subtitles=("automatic",))})
    assert fetch_page(f"yt-dlp:{web.url}/page", folder, none, pace).page.subtitles is None


def test_a_section_is_fetched_without_the_whole(web: Site, folder: Path, pace: Pace):
    web.serve("/a.mp4", mp4())
    found = fetch_page(f"yt-dlp:{web.url}/a.mp4#t=1,2.5", folder, HOW, pace)
    assert found.page.section == (1.0, 2.5)
    assert found.media.stat().st_size < len(CLIP)
    from pipelines.watching.ffmpeg import Limits, listing

    facts, _, _ = read_listing(listing(found.media, [], Limits()))
    assert facts.duration_s == pytest.approx(1.5, abs=1.5)  # from the key frame before


MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT6S"><Period>
<AdaptationSet mimeType="video/mp4">
<Representation id="v" bandwidth="100000" width="160" height="120" codecs="avc1.64000a">
<BaseURL>v.mp4</BaseURL></Representation></AdaptationSet>
<AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="64000" codecs="mp4a.40.2">
<BaseURL>a.m4a</BaseURL></Representation></AdaptationSet>
</Period></MPD>"""


def shown_and_heard(path: Path) -> tuple[float, float]:
    """Seconds at which a film's flash and its beep begin, on the film's own clock."""
    told = subprocess.run(
        [
            *(str(find()), "-v", "info", "-copyts", "-i", str(path), "-vf", "blackframe=amount=0:threshold=128"),
            *("-af", "silencedetect=noise=-20dB:d=0.05", "-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    lit = [float(at) for black, at in re.findall(r"pblack:(\d+) .*?t:([\d.]+)", told) if int(black) < 50]
    (beep,) = re.findall(r"silence_end: ([\d.]+)", told)[:1]
    return lit[0], float(beep)


@pytest.mark.parametrize("section", ["", "#t=3.1,5", "#t=2.0"])
def test_picture_and_sound_that_come_apart_stay_on_one_clock(
    web: Site, folder: Path, pace: Pace, tmp_path: Path, section: str
):
    picture, sound = picture_source(25, flash_s=4.0, length_s=6.0), sound_source(beep_s=4.0, length_s=6.0)
    coded = ["-c:v", "libx264", "-g", "50", "-sc_threshold", "0", "-pix_fmt", "yuv420p"]
    ffmpeg("-f", "lavfi", "-i", picture, *coded, "-movflags", "faststart", tmp_path / "v.mp4")
    ffmpeg("-f", "lavfi", "-i", sound, "-movflags", "faststart", tmp_path / "a.m4a")
    web.serve("/m.mpd", Reply(MPD.encode(), type="application/dash+xml"))
    web.serve("/v.mp4", Reply((tmp_path / "v.mp4").read_bytes(), type="video/mp4", etag='"1"'))
    web.serve("/a.m4a", Reply((tmp_path / "a.m4a").read_bytes(), type="audio/mp4", etag='"1"'))
    found = fetch_page(f"yt-dlp:{web.url}/m.mpd{section}", folder, HOW, pace)
    assert found.page.format == "v+a"
    flash, beep = shown_and_heard(found.media)
    assert flash == pytest.approx(beep, abs=0.04)
    assert flash == pytest.approx(2.0 if section else 4.0, abs=0.04)  # from the key frame at 2 s


def test_a_section_of_a_list_of_parts_asks_for_the_parts_that_it_needs(
    web: Site, folder: Path, pace: Pace, tmp_path: Path
):
    picture, sound = picture_source(25, flash_s=7.0, length_s=10.0), sound_source(beep_s=7.0, length_s=10.0)
    coded = ["-c:v", "libx264", "-g", "25", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    parts = ["-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "-hls_playlist_type", "vod"]
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *coded, *parts, tmp_path / "l.m3u8")
    for file in tmp_path.glob("l*"):
        web.serve(f"/{file.name}", Reply(file.read_bytes(), type="application/vnd.apple.mpegurl"))
    started = time.monotonic()
    slow = HOW.model_copy(update={"delay_s": 0.2, "jitter": 0.0})
    found = fetch_page(f"yt-dlp:{web.url}/l.m3u8#t=6,8", folder, slow, pace)
    flash, beep = shown_and_heard(found.media)
    assert flash == pytest.approx(beep, abs=0.04)
    assert 1.0 <= flash < 2.2  # from a key frame before: ffmpeg takes one second more of such lists
    asked = [each.path for each in web.asked if each.path.endswith(".ts")]
    assert "/l7.ts" in asked
    assert "/l3.ts" not in asked
    assert time.monotonic() - started >= 0.2 * (len(web.asked) - 1)


@pytest.mark.parametrize(
    ("status", "kind", "retry", "times"),
    [
        (404, refusals.Removed, False, 1),
        (410, refusals.Removed, False, 1),
        (401, refusals.Private, False, 1),
        (403, refusals.Private, False, 1),
        (451, refusals.GeoBlocked, False, 1),
        (429, refusals.RateLimited, True, 2),
        (500, refusals.NotFetched, True, 2),
        (503, refusals.NotFetched, True, 2),
    ],
)
def test_what_the_site_answers_becomes_our_reason(
    web: Site, folder: Path, pace: Pace, *, status: int, kind: type[SourceUnavailable], retry: bool, times: int
):
    web.serve("/x", Reply(status=status))
    with pytest.raises(kind, match=str(status)) as caught:
        fetch_page(f"yt-dlp:{web.url}/x", folder, HOW, pace)
    assert caught.value.retry is retry
    assert caught.value.do
    assert web.count("/x") == times


# What yt-dlp 2026.10 and its forerunners say for some of the best known sites.
@pytest.mark.parametrize(
    ("said", "kind", "retry"),
    [
        ("[youtube] x: Private video. Sign in if you've been granted access to this video", "Private", False),
        ("[youtube] x: Video unavailable. This video is private", "Private", False),
        ("[youtube] x: Join this channel to get access to members-only content", "Private", False),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "Removed", False),
        ("[youtube] x: Video unavailable", "Removed", False),
        ("[youtube] x: This video is no longer available because the YouTube account is terminated", "Removed", False),
        ("[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users", "AgeGated", False),
        ("[youtube] x: Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser", "RateLimited", True),
        ("[youtube] x: The uploader has not made this video available in your country", "GeoBlocked", False),
        ("[x] This video is not available from your location due to geo restriction", "GeoBlocked", False),
        ("[youtube] x: This live event will begin in 3 hours.", "Live", True),
        ("[twitch] x is offline", "Live", True),
        ("[youtube] x: Premieres in 2 days", "Live", True),
        ("[vimeo] x: This video is DRM protected", "Private", False),
        ("Unable to download webpage: The read operation timed out", "NotFetched", True),
        ("Unsupported URL: http://x/y", "NoRecording", False),
        ("something nobody foresaw", "NoRecording", False),
    ],
)
def test_what_yt_dlp_says_becomes_our_reason(said: str, kind: str, *, retry: bool):
    found = refusals.refusal("http://x/y", Exception(f"ERROR: {said}"))
    assert (type(found).__name__, found.retry) == (kind, retry)


def test_messages_of_yt_dlp_lose_colours_keys_and_advice_on_its_own_options():
    said = (
        "\x1b[0;31mERROR:\x1b[0m [x] no: https://me:secret@a.test/v?key=secret; please report this issue on https://g"
    )
    assert refusals.plain_words(said) == "[x] no: https://a.test/v"


@pytest.mark.parametrize("where", ["page", "media", "subtitles", "thumbnail"])
def test_yt_dlp_reaches_no_inner_address_however_it_is_led_there(where: str, web: Site, folder: Path, pace: Pace):
    with site() as inner:
        secret = f"http://localhost:{inner.port}/secret"
        inner.serve("/secret", mp4())
        web.serve("/a.mp4", mp4())
        for path in ("/to", "/to.vtt"):
            web.serve(path, Reply(status=302, headers=(("Location", secret),)))
        video = f'<video src="{"/to" if where == "media" else "/a.mp4"}" poster="/to">'
        track = '<track kind="subtitles" srclang="en" src="/to.vtt">' if where == "subtitles" else ""
        web.serve("/page", html(f"{video}{track}</video>"))
        how = HOW.model_copy(update={"web": Web(thumbnail=True)})
        uri = f"yt-dlp:{web.url}/{'to' if where == 'page' else 'page'}"
        if where == "thumbnail":
            assert fetch_page(uri, folder, how, pace).thumbnail is None
        else:
            with pytest.raises(ForbiddenAddress, match="inside the own network"):
                fetch_page(uri, folder, how, pace)
        assert inner.asked == []


@pytest.mark.parametrize(
    "line", ["file:///etc/passwd", "http://localhost:{}/secret", "concat:/etc/passwd|x", "/etc/passwd"]
)
@pytest.mark.parametrize("tag", ["", '#EXT-X-MAP:URI="{}"\n', '#EXT-X-KEY:METHOD=AES-128,URI="{}"\n'])
def test_a_playlist_of_segments_reads_no_file_and_no_inner_address(
    line: str, tag: str, web: Site, folder: Path, pace: Pace
):
    with site() as inner:
        target = line.format(inner.port)
        first = tag.format(target) if tag else ""
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{first}#EXTINF:1,\n{'/a.ts' if tag else target}\n#EXT-X-ENDLIST\n"
        web.serve("/a.ts", Reply(b"G" * 188))
        web.serve("/list.m3u8", Reply(text.encode(), type="application/vnd.apple.mpegurl"))
        try:
            found = fetch_page(f"yt-dlp:{web.url}/list.m3u8", folder, HOW, pace)
        except RecordingError:
            pass
        else:
            assert b"root:" not in found.media.read_bytes()
        assert inner.asked == []
        assert not any(b"root:" in file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "body", ["#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "ffconcat version 1.0\nfile /etc/passwd\n"]
)
def test_a_list_disguised_as_media_is_not_opened(body: str, web: Site, folder: Path, pace: Pace):
    web.serve("/a.mp4", Reply(body.encode(), type="video/mp4"))
    try:
        media = fetch_page(f"yt-dlp:{web.url}/a.mp4", folder, HOW, pace).media
    except RecordingError:
        return
    with pytest.raises(RecordingError, match="playlist"):
        Probe()._facts(media)


@pytest.mark.parametrize("title", ["../../../etc/x", "/abs", "a\0b", "x" * 400, "con.mp4", "$(touch hacked)", "%(id)s"])
def test_no_title_chooses_a_file_name(title: str, web: Site, folder: Path, pace: Pace):
    web.serve("/a.mp4", mp4())
    web.serve("/page", html('<video src="/a.mp4"></video>', f"<title>{title}</title>"))
    found = fetch_page(f"yt-dlp:{web.url}/page", folder, HOW, pace)
    assert found.media.parent == folder
    assert {file.name for file in folder.rglob("*")} == {"part0"}


def test_too_large_too_slow_and_cut_off_pages_say_so(web: Site, folder: Path, pace: Pace):
    web.serve("/endless", Reply(endless=True, type="video/mp4"))
    with pytest.raises(TooLong, match="allowed are 2"):
        fetch_page(f"yt-dlp:{web.url}/endless", folder, HOW.model_copy(update={"max_mb": 2}), pace)
    web.serve("/cut", mp4(cut_after=1000, ranges=False))
    with pytest.raises(refusals.NotFetched) as caught:
        fetch_page(f"yt-dlp:{web.url}/cut", folder, HOW, pace)
    assert caught.value.retry


def test_cookies_come_from_the_environment_and_the_file_stays_as_it_is(
    web: Site, folder: Path, pace: Pace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4000000000\tpass\tword\n")
    before = jar.read_bytes()
    monkeypatch.setenv("AFFECTLOOM_COOKIES", str(jar))
    web.serve("/a.mp4", mp4(headers=(("Set-Cookie", "more=1"),)))
    fetch_page(f"yt-dlp:{web.url}/a.mp4", folder, HOW, pace)
    assert "pass=word" in web.asked[-1].headers["cookie"]
    assert jar.read_bytes() == before
    assert [file.name for file in folder.iterdir()] == ["part0"]


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("#t=90,130", (90.0, 130.0)),
        ("#t=1:30,2:10.5", (90.0, 130.5)),
        ("#t=npt:00:01:30", (90.0, None)),
        ("#t=,10", (0.0, 10.0)),
        ("#other", None),
        ("", None),
    ],
)
def test_sections_are_media_fragments(text: str, section):
    assert section_of(f"http://x/y{text}")[1] == section


@pytest.mark.parametrize("text", ["#t=20,10", "#t=x", "#t=5,5", "#t=1,y"])
def test_sections_that_make_no_sense_are_refused(text: str):
    with pytest.raises(SourceUnavailable, match="makes no sense"):
        section_of(f"http://x/y{text}")


def test_chapters_are_cues_that_can_be_read():
    chapters = (Chapter(start=0, end=61.5, title="One --> two"), Chapter(start=61.5, end=3700, title=""))
    cues = read_subtitles(as_cues(chapters).encode()).cues
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [(0.0, 61.5, "One → two"), (61.5, 3700.0, "…")]


def test_a_page_becomes_a_source_with_its_fields_and_is_not_fetched_again(web: Site, tmp_path: Path):
    web.serve("/a.mp4", mp4())
    web.serve("/en.vtt", Reply(VTT, type="text/vtt"))
    track = '<track kind="subtitles" srclang="en" src="/en.vtt">'
    web.serve("/page", html(f'<video src="/a.mp4">{track}</video>', "<title>A talk</title>"))
    (tmp_path / "s.csv").write_text(f"id,uri,licence,mood\na,yt-dlp:{web.url}/page,cc-by-4.0,calm\n")
    store = Store(str(tmp_path / "store"))
    (row,) = expanded(read_sources("s.csv", tmp_path), store, HOW)
    recording = store.open("a", Lineage([Length()]))
    assert acquire(row, recording, HOW)
    source = store.open("a", Lineage([Length()])).source
    assert (source.licence, source.extra["mood"], source.extra["title"]) == ("cc-by-4.0", "calm", "A talk (1)")
    assert source.page is not None
    there = f"{web.url}/page on {source.page.seen}"
    assert source.learnt == {"licence": "s.csv", "attribution": there}
    assert source.extra["seen"] == source.page.seen == pages.today()
    with recording.local("subtitles") as file:
        assert file.read_bytes() == VTT
    with recording.local("media") as file:
        assert file.read_bytes() == CLIP
    assert published_uri(source.uri) == f"{web.url}/page"
    count = len(web.asked)
    assert is_current(row, recording)
    assert not acquire(row, recording, HOW)
    assert acquire(row.model_copy(update={"speaker": "anna"}), recording, HOW)
    assert len(web.asked) == count
    (other,) = expanded([row], store, HOW.model_copy(update={"web": Web(height=100)}))
    assert not is_current(other, recording)
    assert not [file for file in (tmp_path / "store/recordings/a").iterdir() if file.name.startswith(".part")]


def rss(web: Site, names: list[str]) -> Reply:
    items = "".join(
        f'<item><title>{name}</title><link>{web.url}/{name}</link><enclosure url="{web.url}/{name}.mp4"/></item>'
        for name in names
    )
    return Reply(f'<?xml version="1.0"?><rss version="2.0"><channel><title>L</title>{items}</channel></rss>'.encode(),
                 type="application/rss+xml")  # fmt: skip


def test_a_list_is_asked_once_and_only_grows(web: Site, tmp_path: Path):
    web.serve("/feed", rss(web, ["a", "b"]), rss(web, ["b", "c"]))
    row = SourceRow(id="feed", uri=f"yt-dlp-list:{web.url}/feed", licence="cc0-1.0")
    store = Store(str(tmp_path / "store"))
    assert [told.id for told in expanded([row], store, HOW)] == ["feed"]  # not asked: it stands for itself
    first = list(expanded([row], store, HOW, ask=True))
    assert [told.uri for told in first] == [f"yt-dlp:{web.url}/{name}.mp4" for name in "ab"]
    assert {told.licence for told in first} == {"cc0-1.0"}
    asked = len(web.asked)
    assert list(expanded([row], store, HOW, ask=True)) == first
    assert list(expanded([row], store, HOW)) == first
    assert len(web.asked) == asked
    web.replies["/feed"] = (rss(web, ["b", "c"]),)
    renewed = list(expanded([row], store, HOW, ask=True, renew=True))
    assert [told.uri for told in renewed] == [f"yt-dlp:{web.url}/{name}.mp4" for name in "abc"]
    (file,) = (tmp_path / "store/lists").glob("*.json")
    assert [entry["gone"] for entry in json.loads(file.read_text())["entries"]] == [True, False, False]
    assert list(expanded([row, row.model_copy(update={"id": "twice"})], store, HOW)) == renewed


def test_what_a_killed_run_left_beside_the_lists_goes_when_a_list_is_asked(web: Site, tmp_path: Path):
    web.serve("/feed", rss(web, ["a"]))
    store = Store(str(tmp_path / "store"))
    kill = (
        "import os, signal\n"
        "from pipelines.store import Store\n"
        f"store = Store({store.root!r})\n"
        "with store.workspace(f'{store.root}/lists') as folder:\n"
        "    (folder / 'page').write_bytes(bytes(1000))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", kill], check=False).returncode == -signal.SIGKILL
    lists = Path(store.root, "lists")
    assert list(lists.rglob("page"))
    row = SourceRow(id="feed", uri=f"yt-dlp-list:{web.url}/feed")
    assert [told.uri for told in expanded([row], store, HOW, ask=True)] == [f"yt-dlp:{web.url}/a.mp4"]
    (left,) = lists.iterdir()
    assert left.suffix == ".json"


def test_a_list_that_cannot_be_had_says_so_as_a_source(web: Site, tmp_path: Path):
    row = SourceRow(id="feed", uri=f"yt-dlp-list:{web.url}/none")
    store = Store(str(tmp_path / "store"))
    (told,) = expanded([row], store, HOW, ask=True)
    with pytest.raises(SourceUnavailable, match="has not been listed") as caught:
        acquire(told, store.open("feed", Lineage([Length()])), HOW)
    assert caught.value.retry


def test_a_list_is_cut_where_the_recipe_says(web: Site, tmp_path: Path):
    web.serve("/feed", rss(web, [f"v{number}" for number in range(30)]))
    row = SourceRow(id="feed", uri=f"yt-dlp-list:{web.url}/feed")
    how = HOW.model_copy(update={"web": Web(most=7)})
    assert len(list(expanded([row], Store(str(tmp_path / "store")), how, ask=True))) == 7


def test_one_recording_is_wanted_and_a_list_found(web: Site, folder: Path, pace: Pace):
    web.serve("/feed", rss(web, ["a", "b"]))
    web.serve("/a.mp4", mp4())
    with pytest.raises(refusals.NoRecording, match="is a list of recordings") as caught:
        fetch_page(f"yt-dlp:{web.url}/feed", folder, HOW, pace)
    assert "yt-dlp-list:" in caught.value.do
