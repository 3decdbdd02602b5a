"""Pictures and sound on their way from ffmpeg's pipes to those who watch."""

from collections import deque
from threading import Condition
from typing import NamedTuple, Self


class Packet(NamedTuple):
    """A picture or some sound; `data` is empty for TimesWanted. `output`: index into what was wanted."""

    output: int
    time_us: int
    length_us: int
    data: bytes


class Joint:
    """Brings the bytes of an output and the list of its packets together again."""

    def __init__(self, output: int, *, has_bytes: bool) -> None:
        self.output = output
        self.has_bytes = has_bytes
        self._bytes = bytearray()
        self._line = b""
        self._listed: deque[tuple[int, int, int]] = deque()

    def add(self, data: bytes, *, is_list: bool) -> None:
        """More of the bytes, or of the list."""
        if not is_list:
            self._bytes += data
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if line and not line.startswith(b"#"):
                # stream, dts, pts, duration, size, checksum
                _, _, time, length, count = (int(part) for part in line.split(b",", 5)[:5])
                self._listed.append((time, length, count if self.has_bytes else 0))

    def packets(self) -> list[Packet]:
        """Those whose bytes are here in full."""
        found = []
        used = 0
        while self._listed and used + self._listed[0][2] <= len(self._bytes):
            time, length, count = self._listed.popleft()
            found.append(Packet(self.output, time, length, bytes(self._bytes[used : used + count])))
            used += count
        del self._bytes[:used]
        return found


class Belt:
    """Packets on their way from one thread to another, at most so many bytes (or one group)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: deque[list[Packet]] = deque()
        self._bytes = 0
        self._closed = False
        self._change = Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()

    def close(self) -> None:
        """Nobody takes any more: what is put is dropped."""
        with self._change:
            self._groups.clear()
            self._bytes, self._most, self._closed = 0, 0, True
            self._change.notify_all()

    def put(self, group: list[Packet]) -> None:
        """Add a group; waits while the belt is full."""
        weight = sum(len(packet.data) for packet in group)
        with self._change:
            self._change.wait_for(lambda: self._closed or not self._groups or self._bytes + weight <= self._most)
            if not self._closed:
                self._groups.append(group)
                self._bytes += weight
                self._change.notify_all()

    def take(self) -> list[Packet]:
        """The next group; empty when the other side has closed."""
        with self._change:
            self._change.wait_for(lambda: self._closed or self._groups)
            if not self._groups:
                return []
            group = self._groups.popleft()
            self._bytes -= sum(len(packet.data) for packet in group)
            self._change.notify_all()
            return group
