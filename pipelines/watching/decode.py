"""One decode of a recording for everybody who wants to see or hear it.

An ffmpeg child decodes the streams once and writes every output into two pipes: the bytes, and a list with the
presentation time, duration and size of each frame or packet (muxers `tee` and `framecrc`; the times in
microseconds, on ffmpeg's clock: 0 is where the container's first stream starts). A thread reads the pipes into a
belt of bounded size, so that ffmpeg decodes ahead while models work, and waits when they are slow.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pipelines.watching.ffmpeg import DEMUXERS, PROTOCOLS, Complaints, Limits, check_exit, end, find, named, start, stop
from pipelines.watching.packets import Belt, Joint, Packet
from schemas.errors import TooLong
from schemas.facts import PictureStream
from schemas.watching import PicturesWanted, SoundWanted

EARLY_US = 1000
"""A picture up to so much before a bin of the asked rate counts as in it: containers round times to milliseconds."""

_AHEAD_BYTES = 32_000_000
_READ_BYTES = 1 << 20
_LITTLE_BYTES = 1 << 15
_PAUSE_S = 0.01
_JPEG_QUALITY = 3
"""ffmpeg's scale: 2 is the best, 31 the worst."""


class TimesWanted(NamedTuple):
    """The times of all pictures, without the pictures."""


Wanted = SoundWanted | PicturesWanted | TimesWanted


def size(picture: PictureStream, wanted: PicturesWanted) -> tuple[int, int]:
    """(width, height) in pixels of the pictures that are handed out."""
    if wanted.exact_size is not None:
        return wanted.exact_size
    longest = max(picture.width, picture.height)
    if wanted.longest_side is None or longest <= wanted.longest_side:
        return picture.width, picture.height
    factor = wanted.longest_side / longest
    return max(1, round(picture.width * factor)), max(1, round(picture.height * factor))


def bin_of(time_us: int, fps: float) -> int:
    """The 1/fps of the clock that a picture falls into."""
    return int((time_us + EARLY_US) * fps // 1_000_000)


def command(
    source: str, picture: PictureStream | None, wanted: Sequence[Wanted], pipes: Sequence[Sequence[int]]
) -> Any:
    """The arguments of the child, built with ffmpeg-python.

    Args:
        source: what to read.
        picture: needed where pictures are wanted.
        wanted: the outputs.
        pipes: for each output the descriptors for its bytes and for its list; the list alone for TimesWanted.
    """
    import ffmpeg

    media = ffmpeg.input(source, threads=1, protocol_whitelist=PROTOCOLS, format_whitelist=DEMUXERS)
    seen = [index for index, want in enumerate(wanted) if not isinstance(want, SoundWanted)]
    if seen:
        # V leaves out cover pictures. Turning upright by the rotation metadata is ffmpeg's default.
        clocked = media["V:0"].filter("settb", "1/1000000")
        branches = clocked.filter_multi_output("split", len(seen)) if len(seen) > 1 else [clocked]
    outputs = []
    for index, (want, to) in enumerate(zip(wanted, pipes, strict=True)):
        how: dict[str, Any] = {"enc_time_base": "1:1000000", "threads": 1, "f": "tee"}
        if isinstance(want, SoundWanted):
            sound = f"aformat=sample_fmts=s16:channel_layouts=mono:sample_rates={want.rate_hz},asettb=1/1000000"
            outputs.append(media["a:0"].output(_tee("s16le", to), acodec="pcm_s16le", af=sound, **how))
            continue
        how["fps_mode"] = "passthrough"
        branch = branches[seen.index(index)]
        if isinstance(want, TimesWanted) or picture is None:
            how |= {"f": "framecrc", "flush_packets": 1, "vcodec": "wrapped_avframe"}
            outputs.append(branch.output(f"pipe:{to[-1]}", **how))
            continue
        if want.fps is not None:
            bins = [f"floor((({name})+{EARLY_US})*{want.fps!r}/1000000)" for name in ("pts", "prev_selected_pts")]
            branch = branch.filter("select", f"isnan(prev_selected_pts)+gt({bins[0]},{bins[1]})")
        # Averaging over areas: nothing of a large picture is skipped, and it costs the least of the good ways.
        branch = branch.filter("scale", *size(picture, want), flags="area").filter("setsar", "1")
        if want.jpeg:
            how |= {"vcodec": "mjpeg", "q:v": _JPEG_QUALITY}
        else:
            how |= {"vcodec": "rawvideo"}
        branch = branch.filter("format", "yuvj420p" if want.jpeg else "rgb24")
        outputs.append(branch.output(_tee("rawvideo", to), **how))
    joined = ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
    said = ("-hide_banner", "-nostdin", "-nostats", "-v", "repeat+error", "-filter_complex_threads", "1")
    return joined.global_args(*said).compile(cmd=str(find()))


def _tee(muxer: str, to: Sequence[int]) -> str:
    # Without flush_packets up to 32 kB of the list would wait in ffmpeg while the pictures pile up here.
    return f"[f={muxer}:flush_packets=1]pipe:{to[0]}|[f=framecrc:flush_packets=1]pipe:{to[1]}"


@dataclass(frozen=True)
class Ended:
    """How the child ended."""

    code: int
    complaints: Complaints


class Decoding:
    """A context: the child lives inside it, and is gone after it however it is left.

    Iterate for the packets; each output's come in the order of ffmpeg. `ended` tells the rest. Raises TooLong where
    a limit was met and DecodeError where ffmpeg crashed, after the last packet.
    """

    def __init__(self, media: Path, picture: PictureStream | None, wanted: Sequence[Wanted], limits: Limits) -> None:
        self._media, self._picture, self._wanted, self._limits = media, picture, wanted, limits
        self._belt = Belt(_AHEAD_BYTES)
        self._stalled = False
        self.ended = Ended(0, Complaints())

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            source = os.open(self._media, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, source)
            theirs: list[list[int]] = []
            self._readers: dict[int, tuple[Joint, bool]] = {}
            with ExitStack() as handed:
                for index, want in enumerate(self._wanted):
                    joint = Joint(index, has_bytes=not isinstance(want, TimesWanted))
                    theirs.append([])
                    for is_list in (False, True) if joint.has_bytes else (True,):
                        ours, other = os.pipe()
                        stack.callback(os.close, ours)
                        handed.callback(os.close, other)
                        theirs[-1].append(other)
                        self._readers[ours] = (joint, is_list)
                arguments = command(named(source), self._picture, self._wanted, theirs)
                self._child = start(arguments, [source, *(one for pair in theirs for one in pair)], self._limits)
            stack.callback(stop, self._child)
            pool = stack.enter_context(ThreadPoolExecutor(1, "ffmpeg-pipes"))
            self._reading: Future[Complaints] = pool.submit(self._read)
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._belt.close()
        end(self._child)
        self._resources.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[Packet]:
        while packets := self._belt.take():
            yield from packets
        complaints = self._reading.result()
        try:
            code = self._child.wait(self._limits.stall_s)
        except subprocess.TimeoutExpired:
            self._stalled, code = True, stop(self._child)
        self.ended = Ended(code, complaints)
        if self._stalled:
            raise TooLong(
                f"ffmpeg gave nothing for {self._limits.stall_s:g} s and was stopped",
                do="re-encode it, or leave it out",
            )
        check_exit(code, self._limits, out_of_memory=complaints.out_of_memory)

    def _read(self) -> Complaints:
        """In a thread of its own: from the pipes to the belt, until all of them are closed."""
        complaints, readers = Complaints(), self._readers.values()
        with self._belt, selectors.DefaultSelector() as selector:
            for descriptor in self._readers:
                selector.register(descriptor, selectors.EVENT_READ)
            errors = self._child.stderr.fileno() if self._child.stderr is not None else -1
            selector.register(errors, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(self._limits.stall_s)
                if not ready:
                    self._stalled = True
                    end(self._child)
                received = 0
                for key, _ in ready:
                    data = os.read(key.fd, _READ_BYTES)
                    received += len(data)
                    if not data:
                        selector.unregister(key.fd)
                    elif key.fd == errors:
                        complaints.add(data)
                    else:
                        joint, is_list = self._readers[key.fd]
                        joint.add(data, is_list=is_list)
                packets = [packet for joint, is_list in readers if is_list for packet in joint.packets()]
                if packets:
                    self._belt.put(packets)
                if received < _LITTLE_BYTES:
                    time.sleep(_PAUSE_S)  # many small packets at a time cost less than waking up for each
        complaints.end()
        return complaints
