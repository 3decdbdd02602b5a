"""yt-dlp, kept on a short leash: one network handler, our proxy, no ffmpeg, no configuration, our file names."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.fetch import refusals
from schemas.acquire import Acquire
from schemas.errors import TooLong

log = logging.getLogger(__name__)

_DOWNLOADERS = frozenset({"HttpFD", "HlsFD", "DashSegmentsFD"})
"""Those that fetch through yt-dlp's own network layer; the others start programs or speak other protocols."""


class Loader:
    """What we use of yt-dlp."""

    def __init__(self, ydl: Any, how: Acquire) -> None:
        self._ydl = ydl
        self._how = how

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        """What it raises for what is wrong with a page, a site or the network."""
        from yt_dlp.utils import YoutubeDLError

        return (YoutubeDLError, OSError)

    def extract(self, url: str) -> dict[str, Any]:
        """What it knows of a page, formats chosen."""
        info = self._ydl.extract_info(url, download=False)
        if not isinstance(info, dict):
            raise refusals.NoRecording("the page holds nothing that can be fetched", do="open it in a browser")
        return info

    def download(self, to: Path, info: Mapping[str, Any]) -> None:
        """Fetch one format, or one file of subtitles, to a file."""
        from yt_dlp.downloader import get_suitable_downloader

        wanted = {name: value for name, value in info.items() if value is not None}
        wanted.setdefault("id", "part")
        wanted.setdefault("title", "part")
        chosen = get_suitable_downloader(dict(wanted), self._ydl.params)
        name = getattr(chosen, "__name__", "none")
        if name not in _DOWNLOADERS:
            raise refusals.NoRecording(
                f"the media comes by {wanted.get('protocol', 'a protocol')} ({name}), which is not fetched",
                do="download it first, and list the file",
            )
        done, _ = self._ydl.dl(str(to), wanted)
        if not done or not to.is_file() or to.is_symlink():
            raise refusals.NotFetched("the download ended without a file", do="a new run tries again", retry=True)

    def limit(self, progress: Mapping[str, Any]) -> None:
        """Called by yt-dlp while it downloads. Raises TooLong."""
        most = self._how.max_mb * 1_000_000
        size = max(int(progress.get(name) or 0) for name in ("downloaded_bytes", "total_bytes"))
        if size > most:
            raise TooLong(
                f"the media has {size / 1e6:,.0f} MB, allowed are {self._how.max_mb:,}",
                do="raise acquire.max_mb in the recipe, or take a smaller acquire.web.height",
            )


class _Quiet:
    """yt-dlp's messages: nothing of them is for people; addresses in them may hold keys."""

    def debug(self, said: str) -> None:
        """Nothing."""

    info = warning = error = debug


@contextmanager
def loader(
    folder: Path, proxy: str, how: Acquire, cookies: Path | None, options: Mapping[str, object]
) -> Iterator[Loader]:
    """A yt-dlp that fetches through `proxy` into `folder`. Raises MissingPart where it is not installed."""
    try:
        import yt_dlp
        from yt_dlp.globals import plugin_dirs
        from yt_dlp.networking._urllib import UrllibRH
    except ImportError as error:
        raise refusals.no_yt_dlp(error) from error
    plugin_dirs.value = []

    class GateRH(UrllibRH):  # type: ignore[misc] # yt-dlp has no types
        """Asks through the gate, whatever an extractor wants."""

        _SUPPORTED_URL_SCHEMES = ("http", "https", "data")

        def _get_proxies(self, request: object) -> dict[str, str]:
            return {"all": proxy}

    class Leashed(yt_dlp.YoutubeDL):  # type: ignore[misc] # yt-dlp has no types
        """Has no other way to the network."""

        def build_request_director(self, handlers: object, preferences: object = None) -> Any:
            return super().build_request_director([GateRH], None)

    params: dict[str, object] = {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Quiet(),
        "proxy": proxy,
        "outtmpl": {"default": "media.%(ext)s"},
        "paths": {"home": str(folder), "temp": str(folder)},
        "noplaylist": True,
        "playlist_items": "1",
        "cachedir": False,
        "cookiefile": str(cookies) if cookies else None,
        "socket_timeout": how.timeout_s + how.longest_wait_s,
        "retries": 0,
        "fragment_retries": 2,
        "extractor_retries": 0,
        "file_access_retries": 0,
        "skip_unavailable_fragments": False,
        "continuedl": False,
        "nopart": True,
        "updatetime": False,
        "overwrites": True,
        "fixup": "never",
        "ffmpeg_location": str(folder / "no-ffmpeg"),
        "hls_prefer_native": True,
        "external_downloader": None,
        "allow_unplayable_formats": False,
        "check_formats": None,
        "geo_bypass": False,
        **options,
    }
    with Leashed(params) as ydl:
        found = Loader(ydl, how)
        ydl.add_progress_hook(found.limit)
        yield found
