"""What ffmpeg does for a fetch, under the same limits as everywhere: join picture and sound, take a section."""

import urllib.parse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipelines.fetch.http import printable
from pipelines.fetch.refusals import NotFetched
from pipelines.watching.ffmpeg import Limits, check_exit, end, find, opened, plain, start, stop
from schemas.acquire import Acquire
from schemas.errors import DecodeError

_EXACT = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact"]
_LISTS = "hls,dash,mov,mp4,matroska,webm,mpegts,aac,mp3,ogg,flac,wav"
_NETWORK = "http,https,httpproxy,tcp,tls,crypto"
"""No file, no pipe, no data: what a fetched list names is asked through the gate or not at all."""


def joined(parts: list[Path], folder: Path) -> Path:
    """One Matroska file of a picture and a sound file, nothing re-encoded. Raises DecodeError, TooLong."""
    to = folder / "joined"
    with ExitStack() as stack:
        inputs = [stack.enter_context(opened(part)) for part in parts]
        command = [str(find()), "-hide_banner", "-nostdin", "-v", "error", "-y"]
        for _, source in inputs:
            command += source
        command += ["-map", "0:v:0", "-map", "1:a:0", "-c", "copy", *_EXACT, "-f", "matroska", str(to)]
        _run(command, [descriptor for descriptor, _ in inputs], Limits(stall_s=600), "joining picture and sound")
    return to


def cut(
    parts: Sequence[Mapping[str, Any]],
    section: tuple[float, float | None],
    to: Path,
    *,
    proxy: str,
    how: Acquire,
) -> None:
    """Fetch a section of remote files: ffmpeg asks for the parts it needs, through the gate.

    It begins at the key frame before, as nothing is re-encoded. Picture and sound that come apart are taken by one
    command, whose streams are moved together; each by itself would begin at a time of its own.

    parts: yt-dlp's formats, `url` and `http_headers`: one, or the picture and then the sound.

    Raises NotFetched, DecodeError, TooLong.
    """
    begin, end = section
    command = [str(find()), "-hide_banner", "-nostdin", "-v", "error", "-y"]
    for part in parts:
        shown = {
            name: value
            for name, value in (part.get("http_headers") or {}).items()
            if name.lower() in ("user-agent", "referer", "accept")
        }
        lines = "".join(f"{name}: {printable(value, 1000)}\r\n" for name, value in shown.items())
        command += ["-protocol_whitelist", _NETWORK, "-format_whitelist", _LISTS, "-http_proxy", proxy]
        command += ["-rw_timeout", str(int((how.timeout_s + how.longest_wait_s) * 1e6)), "-headers", lines]
        if str(part.get("protocol", "")).startswith("m3u8"):
            command += ["-http_persistent", "0"]  # each request is a connection, which takes a turn at the gate
        command += ["-ss", f"{begin:.3f}", *(["-t", f"{end - begin:.3f}"] if end is not None else [])]
        command += ["-i", str(part["url"])]
    command += ["-map", "0:v:0", "-map", "1:a:0"] if len(parts) > 1 else ["-map", "0:v:0?", "-map", "0:a:0?"]
    command += ["-c", "copy", *_EXACT, "-fs", str(how.max_mb * 1_000_000)]
    limits = Limits(stall_s=how.max_minutes * 60)
    try:
        _run([*command, "-f", "matroska", str(to)], [], limits, "taking the section")
    except DecodeError as error:
        host = urllib.parse.urlsplit(str(parts[0]["url"])).hostname
        raise NotFetched(f"the section cannot be had from {host}: {error.what}", do=error.do, retry=True) from error


def _run(command: list[str], keep: list[int], limits: Limits, what: str) -> None:
    """Run ffmpeg to its end. Raises DecodeError, TooLong, Interrupted."""
    import threading

    child = start(command, keep, limits)
    timer = threading.Timer(limits.stall_s, end, (child,))
    timer.start()
    said = b""
    try:
        while child.stderr is not None and (more := child.stderr.read(65536)):
            said = (said + more)[-65536:]
        child.wait()
    finally:
        timer.cancel()
        code = stop(child)
    check_exit(code, limits, out_of_memory=b"Cannot allocate memory" in said)
    if code != 0:
        lines = [plain(line) for line in said.decode(errors="replace").splitlines() if line.strip()]
        raise DecodeError(f"{what} failed: {printable(lines[-1], 200) if lines else code}", do="take the whole instead")
