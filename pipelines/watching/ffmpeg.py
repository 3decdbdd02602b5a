"""The ffmpeg program: where it is, and how it is run on media that nobody vouches for.

Media is opened by number (`/dev/fd/N`), so that a file's name is never read as a protocol, a pattern or an option.
Only demuxers that read one file are allowed: a playlist could make ffmpeg open other files or the network.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pipelines.watching.warden import let_go, watch_over
from schemas.errors import DecodeError, Interrupted, MissingPart, TooLong

_OLDEST = (57, 28)
"""libavutil of ffmpeg 5.1: the first with `-fps_mode`."""

DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,apng,asf,au,avi,bmp_pipe,caf,dts,dv,eac3,flac,flv,gif,h264,hevc,image2,ivf,"
    "jpeg_pipe,jpegxl_pipe,m4v,matroska,webm,mjpeg,mov,mp4,mp3,mpeg,mpegts,mpegvideo,mxf,nut,ogg,pam_pipe,pbm_pipe,"
    "pgm_pipe,png_pipe,ppm_pipe,qoi_pipe,rm,tga_pipe,tiff_pipe,tta,voc,w64,wav,webp_pipe,wtv,wv,yuv4mpegpipe"
)
PROTOCOLS = "file,pipe"

_ADDRESS = re.compile(r" @ (0x)?[0-9a-fA-F]{6,}")
_LISTING_BYTES = 1 << 20
_TOLD_TO_END = 255
"""Its exit code where a signal asked it to end: it closes its files as if the input had ended there."""


@lru_cache(maxsize=8)
def _banner(path: Path) -> str:
    try:
        done = subprocess.run(
            [str(path), "-hide_banner", "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _is_fit(banner: str) -> bool:
    found = re.search(r"^libavutil\s+(\d+)\.\s*(\d+)", banner, re.MULTILINE)
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST


def find() -> Path:
    """The ffmpeg on PATH if it is 5.1 or newer, else the one inside imageio-ffmpeg. Raises MissingPart."""
    on_path = shutil.which("ffmpeg")
    if on_path is not None and _is_fit(_banner(Path(on_path))):
        return Path(on_path)
    with suppress(ImportError, RuntimeError):
        import imageio_ffmpeg

        carried = Path(imageio_ffmpeg.get_ffmpeg_exe())
        if _is_fit(_banner(carried)):
            return carried
    old = f"{on_path} is older than 5.1 or does not run" if on_path else "there is none on PATH"
    raise MissingPart(
        f"no fit ffmpeg: {old}, and none inside the package imageio-ffmpeg",
        do="pip install imageio-ffmpeg, or install ffmpeg 5.1 or newer",
    )


def version() -> str:
    """Such as `5.1.9-0+deb12u1`. Raises MissingPart."""
    found = re.search(r"^ffmpeg version (\S+)", _banner(find()))
    return found[1] if found else "unknown"


@dataclass(frozen=True)
class Limits:
    """What one child may take.

    memory_mb: address space (Linux only). cpu_s: processor time. stall_s: wall time without any sign of life.
    """

    memory_mb: int = 4000
    cpu_s: int = 600
    stall_s: float = 120.0


@dataclass
class Complaints:
    """What ffmpeg says on its error channel: counted, and a little of it kept."""

    count: int = 0
    first: str = ""
    last: str = ""
    out_of_memory: bool = False
    _rest: bytes = field(default=b"", repr=False)

    def add(self, data: bytes) -> None:
        """More of the channel's bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > _LISTING_BYTES:
            self._rest = b""

    def end(self) -> None:
        """The channel is closed."""
        self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> None:
        text = plain(line[:500].decode(errors="replace"))
        if not text:
            return
        self.count += 1
        self.first = self.first or text
        self.last = text
        self.out_of_memory |= "Cannot allocate memory" in text or "Error allocating" in text


def plain(line: str) -> str:
    """A line of ffmpeg without memory addresses, which change from run to run."""
    return _ADDRESS.sub("", line).strip()


@contextmanager
def opened(media: Path) -> Iterator[tuple[int, list[str]]]:
    """The media's file descriptor, to be kept by the child, and the input arguments that read it safely."""
    descriptor = os.open(media, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor, ["-protocol_whitelist", PROTOCOLS, "-format_whitelist", DEMUXERS, "-i", named(descriptor)]
    finally:
        os.close(descriptor)


def named(descriptor: int) -> str:
    """A file descriptor as ffmpeg's input."""
    return f"file:/dev/fd/{descriptor}"


def start(command: Sequence[str], keep: Sequence[int], limits: Limits, *, out: int = subprocess.DEVNULL) -> "Child":
    """Start a child that keeps the named descriptors and nothing else of ours."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        pass_fds=tuple(keep),
        bufsize=0,
        process_group=0,  # Ctrl-C goes to our group: ffmpeg would end as if the media ended there
    )
    watch_over(process.pid)
    _limit(process.pid, limits)
    return process


Child = subprocess.Popen[bytes]


def _limit(pid: int, limits: Limits) -> None:
    import resource

    prlimit: Callable[..., object] | None = getattr(resource, "prlimit", None)
    if prlimit is None:
        return
    with suppress(ProcessLookupError):  # it may have ended already
        memory = limits.memory_mb * 1_000_000
        prlimit(pid, resource.RLIMIT_AS, (memory, memory))
        prlimit(pid, resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
        prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def end(child: Child) -> None:
    """Kill the child and whatever it has started: on some machines `ffmpeg` is a script."""
    if child.returncode is None:  # else its number may be another's by now
        with suppress(ProcessLookupError, PermissionError):  # nobody is left of them
            os.killpg(child.pid, signal.SIGKILL)


def stop(child: Child) -> int:
    """End the child, whatever it does. Returns its exit code."""
    end(child)
    code = child.wait()
    let_go(child.pid)
    if child.stderr is not None:
        child.stderr.close()
    return code


def listing(media: Path, arguments: Sequence[str], limits: Limits) -> str:
    """What ffmpeg says about a file at the level `info`, at most 1 MB of it. Raises TooLong, DecodeError."""
    return run(media, (), arguments, limits, level="info")[1]


def run(
    media: Path, before: Sequence[str], arguments: Sequence[str], limits: Limits, *, level: str = "error"
) -> tuple[int, str]:
    """One ffmpeg on one file, to its end.

    Args:
        media: a local file.
        before: what stands before the input: where to seek to, how to read.
        arguments: what stands after it.
        limits: what the child may take; here `stall_s` is for the whole of it.
        level: of what it says.

    Returns:
        its exit code, and what it said on its error channel, at most 1 MB of it.

    Raises:
        TooLong: a limit of time was met.
        DecodeError: it crashed, or memory ran out.
    """
    with opened(media) as (descriptor, source):
        start_with = [str(find()), "-hide_banner", "-nostdin", "-v", level, "-threads", "1"]
        child = start([*start_with, *before, *source, *arguments], [descriptor], limits)
        late = threading.Event()

        def give_up() -> None:
            late.set()
            end(child)

        timer = threading.Timer(limits.stall_s, give_up)
        timer.start()
        said = b""
        try:
            while child.stderr is not None and len(said) < _LISTING_BYTES and (more := child.stderr.read(65536)):
                said += more
            if len(said) < _LISTING_BYTES and not late.is_set():
                child.wait()
        finally:
            timer.cancel()
            code = stop(child)
    if late.is_set():
        raise TooLong(
            f"reading the file took more than {limits.stall_s:g} s", do="the file may be damaged: re-encode it"
        )
    ended = code if len(said) < _LISTING_BYTES else 0  # else it was we who ended it
    check_exit(ended, limits, out_of_memory=b"Cannot allocate memory" in said)
    return code, said.decode(errors="replace")


def check_exit(code: int, limits: Limits, *, out_of_memory: bool) -> None:
    """Raise TooLong where a limit was met, DecodeError where ffmpeg crashed, Interrupted where it was ended.

    Other exit codes say little.
    """
    if out_of_memory:
        raise TooLong(f"decoding needs more than {limits.memory_mb:,} MB", do="re-encode it in a smaller size")
    if code == -signal.SIGXCPU:
        raise TooLong(f"decoding took more than {limits.cpu_s:,} s of processor time", do="cut or re-encode it")
    if code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE):
        raise DecodeError(
            f"ffmpeg crashed on it (signal {-code})", do="the file is damaged or made to harm: leave it out"
        )
    if code in (_TOLD_TO_END, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
        raise Interrupted(
            "ffmpeg was ended from outside in the middle of it",
            do="if the machine ran out of memory, use fewer workers; the next run tries it again",
        )
