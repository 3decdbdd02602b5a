"""Watching a recording: everything that looks or listens is fed by one decode."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny

from pipelines.watching.decode import Decoding, TimesWanted, Wanted, bin_of, size
from pipelines.watching.ffmpeg import Limits
from pipelines.watching.packets import Packet
from pipelines.watching.placing import Placing
from pipelines.watching.watched import Gauge
from schemas.errors import DecodeError, RecordingError, TooLong
from schemas.facts import Facts, Watched
from schemas.step import Needs, Recording, Step
from schemas.watching import PicturesWanted, SoundWanted, Watcher, Watching

_CPU_S = 600
_CPU_S_EACH = 20
_UNDECLARED_S = 7200


class Watch(Step):
    """Decodes each recording once for all watchers whose artifacts are not there yet.

    Limits keep out what would take the machine down; they change no artifact.
    """

    key: ClassVar[str] = "watch.v2"

    watchers: tuple[SerializeAsAny[Watcher], ...]
    max_hours: Annotated[float, Field(gt=0)] = 12
    """Also for recordings that do not declare their length."""
    memory_mb: Annotated[int, Field(ge=200)] = 4000
    """Address space of the decoder (Linux)."""
    stall_s: Annotated[float, Field(gt=0)] = 120
    """Longest wait for the decoder."""

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]  # what is read depends on the watchers
        """The media, its facts, and what the watchers read besides."""
        kinds = ("media", "facts", *(kind for watcher in self.watchers for kind in watcher.reads))
        return tuple(dict.fromkeys(kind for kind in kinds if kind not in self.makes))

    @property
    def uses(self) -> tuple[str, ...]:  # type: ignore[override]  # what is used depends on the watchers
        """What the watchers use."""
        return tuple(dict.fromkeys(kind for watcher in self.watchers for kind in watcher.uses))

    @property
    def makes(self) -> tuple[str, ...]:
        """The watchers' artifacts, and `watched`, schemas.facts.Watched."""
        return tuple(dict.fromkeys(("watched", *(kind for watcher in self.watchers for kind in watcher.makes))))

    @property
    def needs(self) -> Needs:
        """The largest watcher's, the others' models beside it, and room for the decoder."""
        each = [watcher.needs for watcher in self.watchers]
        return Needs(
            cpus=max([1.0, *(need.cpus for need in each)]),
            gpus=max([0.0, *(need.gpus for need in each)]),
            gpu_if_any=max([0.0, *(need.gpu_if_any for need in each)]),
            memory_mb=max([500, *(need.memory_mb for need in each)]) + 500,
        )

    def weights(self) -> dict[str, str]:
        """Of all watchers."""
        return {name: pin for watcher in self.watchers for name, pin in watcher.weights().items()}

    def identity_of(self, kind: str) -> dict[str, object]:
        """What one artifact depends on: the rules of decoding, and the watcher that makes it, no other."""
        for watcher in self.watchers:
            if kind in watcher.makes:
                return {"key": self.key, "watcher": watcher.identity(), "weights": watcher.weights()}
        return {"key": self.key, "weights": {}}

    def load(self) -> tuple[Any, ...]:
        """The models, one a watcher."""
        return tuple(watcher.load() for watcher in self.watchers)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Watch each recording.

        Raises:
            DecodeError: nothing could be decoded; no artifact of this pass is made. What breaks off is kept as far
                as it goes, and `watched` lists it.
            TooLong: a limit was met; no artifact of this pass is made.
            RecordingError: of a watcher, after all others have made theirs.
        """
        for recording in recordings:
            facts = recording.read("facts", Facts)
            todo = [
                (watcher, own)
                for watcher, own in zip(self.watchers, model, strict=True)
                if not all(recording.has(kind) for kind in watcher.makes)
            ]
            if facts.form == "text":
                for kind in self.makes:
                    recording.absent(kind, "the recording is a text")
                continue
            able = [(watcher, own) for watcher, own in todo if not _mark_lacking(recording, facts, watcher)]
            if able or not recording.has("watched"):
                self._watch(recording, facts, able)

    def _watch(self, recording: Recording, facts: Facts, watchers: Sequence[tuple[Watcher, Any]]) -> None:
        known = recording.read("watched", Watched) if recording.has("watched") else None
        wanted: list[Wanted] = [watcher.wants for watcher, _ in watchers]
        if known is None:
            wanted += [TimesWanted()] if facts.picture else []
            wanted += [SoundWanted()] if facts.sound else []
        wanted = list(dict.fromkeys(wanted))
        feeds = [_Feed(recording, watcher) for watcher, _ in watchers]
        try:
            for feed, (_, own) in zip(feeds, watchers, strict=True):
                feed.begin(facts, own)
            gauge = self._decode(recording, facts, wanted, feeds)
            watched = known or gauge.watched(facts)
            for feed in feeds:
                feed.finish(watched)
        except BaseException:
            for feed in feeds:
                feed.abandon()
            raise
        if known is None:
            recording.write("watched", watched)
        for feed in feeds:
            if feed.error is not None:
                raise feed.error

    def _decode(self, recording: Recording, facts: Facts, wanted: Sequence[Wanted], feeds: Sequence["_Feed"]) -> Gauge:
        limits = Limits(self.memory_mb, _CPU_S + round(_CPU_S_EACH * (facts.duration_s or _UNDECLARED_S)), self.stall_s)
        eaters = [[feed for feed in feeds if feed.watcher.wants == want] for want in wanted]
        placings = {at: Placing(want.rate_hz) for at, want in enumerate(wanted) if isinstance(want, SoundWanted)}
        gauge = Gauge()
        shown: dict[int, int] = {}
        with recording.local("media") as media, Decoding(media, facts.picture, wanted, limits) as decoding:
            for packet in decoding:
                if packet.time_us > self.max_hours * 3_600_000_000:
                    raise TooLong(f"it lasts more than {self.max_hours:g} hours", do="cut it into parts")
                want = wanted[packet.output]
                if isinstance(want, SoundWanted):
                    sound = np.frombuffer(packet.data, np.int16)
                    for samples in placings[packet.output].place(packet.time_us, sound):
                        if want == SoundWanted():
                            gauge.sound(samples)
                        for feed in eaters[packet.output]:
                            feed.sound(samples)
                elif isinstance(want, TimesWanted):
                    gauge.picture(packet.time_us, packet.length_us)
                elif _is_next(packet, want, shown):
                    _show(packet, want, facts, eaters[packet.output])
            # Always of the same rate: what else is listened to must not change `watched`.
            spans = placings[wanted.index(SoundWanted())].spans_s if SoundWanted() in wanted else ()
            gauge.end(decoding.ended, spans)
        if not (gauge.anything or shown or any(placing.samples for placing in placings.values())):
            told = decoding.ended.complaints.last
            raise DecodeError(
                "nothing in it can be decoded" + (f": {told}" if told else ""),
                do="check that it plays; re-encode it if it does",
            )
        return gauge


def _mark_lacking(recording: Recording, facts: Facts, watcher: Watcher) -> bool:
    """Mark a watcher's artifacts absent where the recording has no such stream."""
    if isinstance(watcher.wants, SoundWanted):
        lacks = facts.sound is None
        reason = "a picture has no sound" if facts.form == "image" else "the recording has no audio stream"
    else:
        lacks = facts.picture is None
        reason = "the recording has no video stream"
    if lacks:
        for kind in watcher.makes:
            recording.absent(kind, reason)
    return lacks


def _is_next(packet: Packet, want: PicturesWanted, shown: dict[int, int]) -> bool:
    """Whether it is later than the picture before, and the first of its bin also where the stream changes its size."""
    before = shown.get(packet.output)
    if packet.time_us < 0 or (before is not None and packet.time_us <= before):
        return False
    if before is not None and want.fps is not None and bin_of(packet.time_us, want.fps) == bin_of(before, want.fps):
        return False
    shown[packet.output] = packet.time_us
    return True


def _show(packet: Packet, want: PicturesWanted, facts: Facts, feeds: Sequence["_Feed"]) -> None:
    if want.jpeg:
        for feed in feeds:
            feed.jpeg(packet.time_us, packet.data)
    elif facts.picture is not None:
        width, height = size(facts.picture, want)
        pixels = np.frombuffer(packet.data, np.uint8).reshape(height, width, 3)
        for feed in feeds:
            feed.picture(packet.time_us, pixels)


class _Feed:
    """One watcher on one recording. An error of its own ends it, and lets the others go on."""

    def __init__(self, recording: Recording, watcher: Watcher) -> None:
        self.recording = recording
        self.watcher = watcher
        self.error: RecordingError | None = None
        self._watching: Watching | None = None
        self._fed = False

    def begin(self, facts: Facts, model: Any) -> None:
        try:
            self._watching = self.watcher.begin(self.recording, facts, model)
        except RecordingError as error:
            self.error = error

    def sound(self, samples: NDArray[np.int16]) -> None:
        self._give(lambda watching: watching.sound(samples))

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        self._give(lambda watching: watching.picture(time_us, pixels))

    def jpeg(self, time_us: int, data: bytes) -> None:
        self._give(lambda watching: watching.jpeg(time_us, data))

    def _give(self, hand: Callable[[Watching], None]) -> None:
        if self._watching is None:
            return
        self._fed = True
        try:
            hand(self._watching)
        except RecordingError as error:
            self.error = error
            self.abandon()

    def finish(self, watched: Watched) -> None:
        if self._watching is None:
            return
        if not self._fed:
            self.abandon()
            what = "sound" if isinstance(self.watcher.wants, SoundWanted) else "picture"
            for kind in self.watcher.makes:
                self.recording.absent(kind, f"the stream is there, but no {what} in it can be decoded")
            return
        watching, self._watching = self._watching, None
        try:
            watching.finish(watched)
        except RecordingError as error:
            self.error = error

    def abandon(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.abandon()
