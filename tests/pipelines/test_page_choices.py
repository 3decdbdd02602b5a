"""What is taken of a page: which formats, which subtitles, and what it says; which entries a list has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_site import Reply, Site, site
from made_media import ffmpeg

from pipelines import work
from pipelines.fetch import pages
from pipelines.fetch.lists import expanded
from pipelines.fetch.loader import Loader
from pipelines.fetch.pace import Pace
from pipelines.fetch.pages import fetch_page, loading
from pipelines.segmenting.subtitle_files import read_subtitles
from pipelines.store import Store
from schemas.acquire import Acquire, Web
from schemas.segment import Segments
from schemas.source import SourceRow

CLIP = (Path(__file__).parents[2] / "pipelines/demo/media/talk.mp4").read_bytes()
HOW = Acquire(private_addresses=("127.0.0.1",), delay_s=0, tries=1, timeout_s=10)
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


def taking(**choice) -> Acquire:
    return HOW.model_copy(update={"web": Web(**choice)})


@pytest.mark.parametrize(("height", "taken"), [(400, 360), (720, 720), (100, 240), (None, 1080)])
def test_the_tallest_picture_that_the_recipe_allows_is_taken(
    web: Site, folder: Path, pace: Pace, height: int | None, taken: int
):
    lines = "".join(
        f'#EXT-X-STREAM-INF:BANDWIDTH={tall}000,RESOLUTION={tall * 16 // 9}x{tall},CODECS="avc1.64001f,mp4a.40.2"\n'
        f"/{tall}.m3u8\n"
        for tall in (1080, 240, 720, 360)
    )
    web.serve("/all.m3u8", Reply(f"#EXTM3U\n{lines}".encode(), type="application/vnd.apple.mpegurl"))
    for tall in (1080, 240, 720, 360):
        part = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/{tall}.ts\n#EXT-X-ENDLIST\n"
        web.serve(f"/{tall}.m3u8", Reply(part.encode(), type="application/vnd.apple.mpegurl"))
        web.serve(f"/{tall}.ts", Reply(b"G" + bytes(187) + f"{tall}".encode()))
    found = fetch_page(f"yt-dlp:{web.url}/all.m3u8", folder, taking(height=height), pace)
    assert found.media.read_bytes().endswith(f"{taken}".encode())
    assert [asked.path for asked in web.asked if asked.path.endswith(".ts")] == [f"/{taken}.ts"]


@pytest.mark.parametrize(("container", "taken"), [("mp4", "/a.mp4"), ("webm", "/a.webm")])
def test_the_container_that_the_recipe_names_goes_first(
    web: Site, folder: Path, pace: Pace, container: str, taken: str
):
    web.serve("/a.mp4", Reply(CLIP, type="video/mp4"))
    web.serve("/a.webm", Reply(b"\x1aE\xdf\xa3" + bytes(500), type="video/webm"))
    sources = '<source src="/a.webm" type="video/webm"><source src="/a.mp4" type="video/mp4">'
    web.serve("/page", html(f"<video>{sources}</video>"))
    fetch_page(f"yt-dlp:{web.url}/page", folder, taking(container=container), pace)
    assert [asked.path for asked in web.asked if asked.path != "/page"] == [taken]


def test_sound_alone_is_taken_without_the_picture(web: Site, folder: Path, pace: Pace, tmp_path: Path):
    ffmpeg("-f", "lavfi", "-i", "sine=d=2", tmp_path / "a.m4a")
    web.serve("/v.mp4", Reply(CLIP, type="video/mp4"))
    web.serve("/a.m4a", Reply((tmp_path / "a.m4a").read_bytes(), type="audio/mp4"))
    text = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="1" width="160" height="120" '
        'codecs="avc1.64000a"><BaseURL>v.mp4</BaseURL></Representation></AdaptationSet>'
        '<AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1" codecs="mp4a.40.2">'
        "<BaseURL>a.m4a</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    web.serve("/m.mpd", Reply(text.encode(), type="application/dash+xml"))
    found = fetch_page(f"yt-dlp:{web.url}/m.mpd", folder, taking(audio_only=True), pace)
    assert found.page.format == "a"
    assert found.media.read_bytes() == (tmp_path / "a.m4a").read_bytes()
    assert web.count("/v.mp4") == 0


def told(url: str) -> str:
    """What a page says of its film, as schema.org words it."""
    return (
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "VideoObject", '
        '"name": "The talk", "description": "About\\u0007 things.", "uploadDate": "2024-03-05", '
        f'"contentUrl": "{url}/a.mp4", "thumbnailUrl": "{url}/t.jpg", "keywords": "one,two", '
        '"author": {"@type": "Person", "name": "Ann"}, "interactionStatistic": ['
        '{"@type": "InteractionCounter", "interactionType": "https://schema.org/WatchAction", '
        '"userInteractionCount": 1234}, {"@type": "InteractionCounter", '
        '"interactionType": "https://schema.org/LikeAction", "userInteractionCount": 56}], "hasPart": ['
        '{"@type": "Clip", "name": "Greeting", "startOffset": 0, "endOffset": 1.5}, '
        '{"@type": "Clip", "name": "The rest", "startOffset": 1.5, "endOffset": 4}]}</script>'
    )


def test_what_the_page_says_becomes_columns_and_its_chapters_become_samples(web: Site, tmp_path: Path):
    web.serve("/a.mp4", Reply(CLIP, type="video/mp4"))
    web.serve("/t.jpg", Reply(b"\xff\xd8\xffpicture", type="image/jpeg"))
    web.serve("/page", html("", told(web.url)))
    (tmp_path / "s.csv").write_text(f"id,uri\na,yt-dlp:{web.url}/page\n")
    (tmp_path / "r.yaml").write_text(
        "name: t\nsources: s.csv\nsegment: {by: subtitle, min_s: 0.5}\nacquire: {private_addresses: [127.0.0.1], "
        "delay_s: 0, web: {subtitles: [made, automatic, chapters], thumbnail: true}}\n"
    )
    assert not work.build(tmp_path / "r.yaml", str(tmp_path / "store"), workers=1, quiet=True).failed
    store = Store(str(tmp_path / "store"))
    source = store.source("a")
    assert source is not None
    assert source.page is not None
    fields = {name: source.extra.get(name) for name in ("title", "description", "tags", "channel", "uploaded")}
    assert fields == {
        "title": "The talk",
        "description": "About things.",
        "tags": "one, two",
        "channel": "Ann",
        "uploaded": "2024-03-05",
    }
    assert (source.extra["views"], source.extra["likes"], source.extra["seen"]) == (1234, 56, pages.today())
    assert [(each.start, each.end, each.title) for each in source.page.chapters] == [
        (0.0, 1.5, "Greeting"),
        (1.5, 4.0, "The rest"),
    ]
    assert source.extra["subtitles_kind"] == "chapters"
    folder = tmp_path / "store/recordings/a"
    (kept,) = folder.glob("subtitles.*.bin")
    assert [cue.text for cue in read_subtitles(kept.read_bytes()).cues] == ["Greeting", "The rest"]
    (thumbnail,) = folder.glob("thumbnail.*.bin")
    assert thumbnail.read_bytes() == b"\xff\xd8\xffpicture"
    (made,) = folder.glob("segments.*.json")
    pieces = Segments.from_bytes(made.read_bytes()).segments
    assert [(piece.start, piece.end, piece.text) for piece in pieces] == [(0, 1.5, "Greeting"), (1.5, 4, "The rest")]


# As yt-dlp's extractors of the large platforms word it; the generic one offers no such thing.
PLATFORM = {
    "id": "AbC123",
    "extractor": "youtube",
    "webpage_url": "https://www.youtube.com/watch?v=AbC123",
    "title": "A talk",
    "tags": ["one", "two\x07", 3],
    "categories": ["Education"],
    "channel": "Ann",
    "channel_id": "UC1",
    "upload_date": "20240305",
    "license": "Creative Commons Attribution license (reuse allowed)",
    "language": "en",
    "view_count": 1234,
    "like_count": 56,
    "comment_count": 7,
    "age_limit": 0,
}


def test_the_fields_of_a_platform_are_kept_with_the_day():
    page = pages._page_of("https://www.youtube.com/watch?v=AbC123", PLATFORM, None)
    assert page.licence == "Creative Commons Attribution license (reuse allowed)"
    assert (page.views, page.likes, page.comments, page.seen) == (1234, 56, 7, pages.today())
    fields = page.fields()
    assert (fields["tags"], fields["categories"], fields["channel_key"]) == ("one, two", "Education", "UC1")
    assert fields["uploaded"] == "2024-03-05"


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ({"subtitles": ("made", "automatic"), "languages": ("en",)}, "made en-GB"),
        ({"subtitles": ("automatic", "made"), "languages": ("en",)}, "automatic en"),
        ({"subtitles": ("made", "automatic"), "languages": ("fr", "es")}, "automatic es"),
        ({"subtitles": ("made", "automatic"), "languages": ("de", "en")}, "made de"),
        ({"subtitles": ("made",), "languages": ("fr",)}, None),
        ({"subtitles": ("chapters",)}, None),
    ],
)
def test_the_first_wanted_subtitles_are_fetched_and_no_others(
    web: Site, folder: Path, pace: Pace, wanted: dict[str, tuple[str, ...]], taken: str | None
):
    def offered(kind: str, *tags: str) -> dict[str, list[dict[str, str]]]:
        forms = {}
        for tag in tags:
            path = f"/{kind}-{tag}.vtt"
            web.serve(path, Reply(VTT.replace(b"Hello", path.encode()), type="text/vtt"))
            forms[tag] = [{"ext": "json3", "url": f"{web.url}/no"}, {"ext": "vtt", "url": web.url + path}]
        return forms

    info = {
        **PLATFORM,
        "subtitles": offered("made", "en-GB", "de"),
        "automatic_captions": offered("automatic", "en", "en-orig", "es"),
    }
    how = taking(**wanted)
    page = pages._page_of("https://x.org", info, None)
    with loading(web.url, folder, how, pace, {}) as (ydl, _):
        file, kind = pages._subtitles(ydl, info, page, folder, how)
    assert kind == taken
    fetched = [f"/{taken.replace(' ', '-')}.vtt"] if taken else []
    assert [asked.path for asked in web.asked] == fetched
    assert (file is None) == (taken is None)
    if file is not None:
        assert fetched[0] in read_subtitles(file.read_bytes()).cues[0].text


def test_a_proxy_that_the_environment_names_is_asked_for_everything(
    web: Site, folder: Path, pace: Pace, monkeypatch: pytest.MonkeyPatch
):
    """Names that only the proxy knows are its business."""
    monkeypatch.setenv("AFFECTLOOM_PROXY", f"http://me:word@127.0.0.1:{web.port}")
    far = "http://far.invalid"
    track = f'<track kind="subtitles" srclang="en" src="{far}/a.vtt">'
    web.serve(f"{far}/page", html(f'<video src="{far}/a.mp4">{track}</video>'))
    web.serve(f"{far}/a.mp4", Reply(CLIP, type="video/mp4"))
    web.serve(f"{far}/a.vtt", Reply(VTT, type="text/vtt"))
    found = fetch_page(f"yt-dlp:{far}/page", folder, HOW, pace)
    assert found.media.read_bytes() == CLIP
    assert found.page.subtitles == "made en"
    assert all(asked.headers["proxy-authorization"].startswith("Basic ") for asked in web.asked)
    assert not any("word" in file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file())


def test_a_channel_is_the_recordings_of_its_tabs_and_a_search_has_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What yt-dlp says of the large platforms' lists, which cannot be asked here."""
    home = "https://www.youtube.com"

    def entry(key: str) -> dict[str, str]:
        return {"_type": "url", "ie_key": "Youtube", "id": key, "url": f"{home}/watch?v={key}", "title": key}

    def several(*entries: dict[str, str]) -> dict[str, object]:
        return {"_type": "playlist", "entries": [*entries, None]}

    tab = {"_type": "url", "ie_key": "YoutubeTab", "id": "UC1"}
    said = {
        f"{home}/@ann": several({**tab, "url": f"{home}/@ann/videos"}, {**tab, "url": f"{home}/@ann/shorts"}),
        f"{home}/@ann/videos": several(entry("a"), entry("b")),
        f"{home}/@ann/shorts": several(entry("b"), entry("c")),
        "ytsearch2:product review": several(entry("c"), entry("d")),
    }
    monkeypatch.setattr(Loader, "extract", lambda _, url: said[url])
    how = Acquire(web=Web(most=50))
    rows = [SourceRow(id="x", uri=f"yt-dlp-list:{uri}") for uri in (f"{home}/@ann", "ytsearch2:product review")]
    monkeypatch.setenv("AFFECTLOOM_PROXY", "http://127.0.0.1:9")  # so that no name need be known here
    found = list(expanded(rows, Store(str(tmp_path / "store")), how, ask=True))
    assert [row.id for row in found] == ["youtube-a", "youtube-b", "youtube-c", "youtube-d"]
    assert [row.uri for row in found] == [f"yt-dlp:{home}/watch?v={key}" for key in "abcd"]
