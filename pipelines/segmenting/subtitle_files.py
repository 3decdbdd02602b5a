"""Files of subtitles: SRT, WebVTT and ASS/SSA, as they are found and not only as they should be."""

import html
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from schemas.clock import to_s
from schemas.errors import MeasurementError
from schemas.segment import Cue, Subtitles
from schemas.transcript import Word

_TIME: Final = r"(-?)(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMING: Final = re.compile(rf"\s*{_TIME}\s*--?>\s*{_TIME}(?:\s.*)?")
_ASS_TIME: Final = re.compile(r"\s*(-?)(\d{1,4}):(\d{1,2}):(\d{1,2})(?:[.:](\d{1,9}))?\s*")
_INSIDE: Final = re.compile(r"<(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,9})>")
_EVENTS: Final = re.compile(r"^[^\S\n]*(?:\[Events\]|Dialogue:)", re.IGNORECASE | re.MULTILINE)
# No tag holds the sign that opens one: without that, signs that nothing closes would each be read to the line's end.
_VOICE: Final = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>", re.IGNORECASE)
_TAG: Final = re.compile(r"</?(?:[cibusv]|lang|ruby|rt|font)(?:[.\s][^<>]*)?>|</?>", re.IGNORECASE)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_OVERRIDE: Final = re.compile(r"\{\\[^{}]*\}")
_BRACED: Final = re.compile(r"\{[^{}]*\}")
_DRAWING: Final = re.compile(r"\\p[1-9]")
_ASS_ORDER: Final = "layer,start,end,style,name,marginl,marginr,marginv,effect,text"

_BY_LANGUAGE: Final = {
    "zh": "gb18030",
    "ja": "cp932",
    "ko": "cp949",
    "ru": "cp1251",
    "uk": "cp1251",
    "bg": "cp1251",
    "el": "cp1253",
    "tr": "cp1254",
    "he": "cp1255",
    "ar": "cp1256",
    "pl": "cp1250",
    "cs": "cp1250",
    "sk": "cp1250",
    "hu": "cp1250",
    "th": "cp874",
    "vi": "cp1258",
}
"""What subtitle files of a language are written in where they are not Unicode."""
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

_ROLLING_SHARE: Final = 0.3
_ROLLING_LEAST: Final = 3
"""So many cues that begin with the line before and add one are no accident: the captions roll."""
_ROLLING_GAP_US: Final = 50_000


def read_subtitles(data: bytes, *, encoding: str | None = None, language: str | None = None) -> Subtitles:
    """The cues of an SRT, WebVTT or ASS/SSA file in order of their start; which of them it is shows in the file.

    Cues without times, without text, of no or negative length are left out and counted in `notes`. Overlapping cues
    are kept as they are. Captions that roll (each cue repeats the line before, as YouTube's automatic ones do) are
    given once each.

    Args:
        data: the file.
        encoding: its encoding; None to find out.
        language: ISO 639 code of the speech, which helps to find out.

    Raises:
        MeasurementError: no such format, or no encoding fits.
    """
    text, guessed = decode(data, encoding=encoding, language=language)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    notes = [f"read as {guessed}"] if guessed else []
    if not text.strip("\ufeff\0 \t\n"):
        return Subtitles(cues=(), notes=("the file is empty",))
    if _EVENTS.search(text):
        read = _read_ass(text)
    elif "-->" in text or text.lstrip("\ufeff\n ").startswith("WEBVTT"):
        read = _read_arrows(text)
    else:
        raise MeasurementError(
            "the file of subtitles is neither SRT, WebVTT nor ASS/SSA", do="check the column `subtitles` of the sources"
        )
    raws = sorted(read.raws, key=lambda raw: (raw.start_us, raw.end_us))
    cues = [cue for raw in _unrolled(raws) if (cue := raw.cue())]
    untimed = read.untimed + sum(raw.end_us <= raw.start_us for raw in raws)
    if untimed:
        notes.append(f"left out for want of times that make sense: {untimed}")
    return Subtitles(cues=tuple(cues), notes=tuple(notes))


def decode(data: bytes, *, encoding: str | None = None, language: str | None = None) -> tuple[str, str]:
    """The text, and the encoding where it was guessed (else "").

    Order: the one given; byte order mark; UTF-8; UTF-16 without a mark; what `language` suggests; GB 2312, whose
    strict form hardly any other text happens to fit; cp1252. Raises MeasurementError where none fits.
    """
    if encoding is not None:
        try:
            return data.decode(encoding), ""
        except UnicodeDecodeError as error:
            raise MeasurementError(f"the file of subtitles is not {encoding}: {error}", do="correct it") from error
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(name, errors="replace"), ""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) > len(data) // 8:  # Latin letters, digits and line ends have a zero byte in UTF-16
        return data.decode("utf-16-be" if even > odd else "utf-16-le", errors="replace"), ""
    suggested = _BY_LANGUAGE.get((language or "").lower().split("-")[0])
    for guess in ("utf-8", *([suggested] if suggested else []), "gb2312", "cp1252"):
        try:
            return data.decode(guess), "" if guess == "utf-8" else guess
        except UnicodeDecodeError:
            continue
    raise MeasurementError("the encoding of the file of subtitles is unknown", do="save it as UTF-8")


@dataclass
class _Raw:
    """A cue as written: lines with their tags."""

    start_us: int
    end_us: int
    lines: list[str]
    speaker: str | None = None

    def cue(self) -> Cue | None:
        """Without tags; None where nothing can be used."""
        text = " ".join(itertools.chain.from_iterable(_plain(line).split() for line in self.lines))
        if self.end_us <= self.start_us or not text:
            return None
        voices = {html.unescape(voice).strip() for line in self.lines for voice in _VOICE.findall(line)} - {""}
        speaker = self.speaker or (voices.pop() if len(voices) == 1 else None)
        return Cue(
            start=to_s(self.start_us), end=to_s(self.end_us), text=text, speaker=speaker, words=tuple(self._words())
        )

    def _words(self) -> Iterator[Word]:
        """Words with times of their own, where the cue gives any: from each time to the next."""
        whole = " ".join(self.lines)
        marks = [(self.start_us, 0, 0)]
        marks += [(_us("", *mark.groups()), mark.start(), mark.end()) for mark in _INSIDE.finditer(whole)]
        if len(marks) == 1 or any(b < a for (a, *_), (b, *_) in itertools.pairwise(marks)):
            return
        marks.append((max(self.end_us, marks[-1][0]), len(whole), len(whole)))
        for (start, _, begin), (end, stop, _) in itertools.pairwise(marks):
            text = " ".join(_plain(whole[begin:stop]).split())
            if text:
                yield Word(start=to_s(start), end=to_s(end), text=f" {text}")


@dataclass
class _Read:
    raws: list[_Raw] = field(default_factory=list)
    untimed: int = 0


def _plain(line: str) -> str:
    bare = _OVERRIDE.sub("", _TAG.sub("", _VOICE.sub("", _INSIDE.sub("", _BREAK.sub(" ", line)))))
    return html.unescape(bare).replace("\xa0", " ").replace("\u200b", "").replace("\ufeff", "")


def _us(sign: str, hours: str | None, minutes: str, seconds: str, fraction: str | None) -> int:
    """Microseconds; a time before the recording's start is its start."""
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return 0 if sign else whole * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])


def _read_arrows(text: str) -> _Read:
    """SRT and WebVTT: a line with `-->` begins a cue, an empty line ends it.

    In SRT, lines after an empty one and before the next time belong to the cue too (an empty line inside a text),
    unless they begin with a number: then they are a cue whose times are missing.
    """
    lines = text.lstrip("\ufeff").split("\n")
    is_vtt = lines[0].startswith("WEBVTT")
    read = _Read()
    block: list[str] = []
    current: _Raw | None = None
    ended = False
    for line in lines:
        timing = _TIMING.fullmatch(line)
        if timing or "-->" in line:
            _settle(read, current, block, is_vtt=is_vtt, touching=not ended)
            times = timing.groups() if timing else ()
            current = _Raw(_us(*times[:5]), _us(*times[5:]), []) if times else None
            read.raws += [current] if current else []
            read.untimed += not times
            block, ended = [], False
        elif current is not None and not ended and (line if is_vtt else line.strip()):
            current.lines.append(line)
        else:
            ended = True
            block.append(line)
    _settle(read, current, block, is_vtt=is_vtt, touching=False)
    return read


def _settle(read: _Read, current: _Raw | None, block: list[str], *, is_vtt: bool, touching: bool) -> None:
    """What stood between a cue's empty line and the next times: its number, a remark, or more of its text.

    touching: no empty line stands before the next times.
    """
    if is_vtt or current is None:
        return  # identifiers, NOTE, STYLE, REGION, the header
    block = list(itertools.dropwhile(lambda line: not line.strip(), block))
    while block and not block[-1].strip():
        block.pop()
    if block and block[-1].strip().isdigit():
        block.pop()  # the number of the next cue
        while block and not block[-1].strip():
            block.pop()
    if block and block[0].strip().isdigit():
        read.untimed += 1
    elif block:
        current.lines += block
    elif touching and len(current.lines) > 1 and current.lines[-1].strip().isdigit():
        current.lines.pop()


def _read_ass(text: str) -> _Read:
    """ASS/SSA: the `Dialogue:` lines, in the order of columns that `Format:` gives."""
    read = _Read()
    order = _ASS_ORDER.split(",")
    in_events = "[events]" not in text.lower()
    seen: set[tuple[int, int, str]] = set()
    for line in text.split("\n"):
        head, _, rest = line.strip().partition(":")
        if line.strip().startswith("["):
            in_events = line.strip().lower() == "[events]"
        elif in_events and head.lower() == "format":
            order = [name.strip().lower() for name in rest.split(",")]
        elif in_events and head.lower() == "dialogue":
            row = dict(zip(order, rest.split(",", len(order) - 1), strict=False))
            start, end = (_ASS_TIME.fullmatch(row.get(name, "")) for name in ("start", "end"))
            said = row.get("text", "")
            if start is None or end is None:
                read.untimed += 1
            elif not any(map(_DRAWING.search, _BRACED.findall(said))):
                spoken = re.split(r"\\[Nn]", said.replace(r"\h", " "))
                raw = _Raw(_us(*start.groups()), _us(*end.groups()), spoken, row.get("name", "").strip() or None)
                mark = (raw.start_us, raw.end_us, _plain(" ".join(spoken)))  # layers draw the same text several times
                read.raws += [] if mark in seen else [raw]
                seen.add(mark)
    return read


def _unrolled(raws: list[_Raw]) -> list[_Raw]:
    """Captions that roll, without the lines that the cue before showed already."""
    shown = [[text for line in raw.lines if (text := " ".join(_plain(line).split()))] for raw in raws]
    follows = [False, *(b.start_us - a.end_us <= _ROLLING_GAP_US for a, b in itertools.pairwise(raws))][: len(raws)]
    repeats = [
        next((n for n in range(min(len(before), len(now)), 0, -1) if before[-n:] == now[:n]), 0) if near else 0
        for before, now, near in zip([[], *shown], shown, follows, strict=False)
    ]
    inside = any(_INSIDE.search(line) for raw in raws for line in raw.lines)
    again = sum(0 < count < len(now) for count, now in zip(repeats, shown, strict=True))
    if not inside and (again < _ROLLING_LEAST or again < _ROLLING_SHARE * len(raws)):
        return raws
    kept = []
    for raw, count in zip(raws, repeats, strict=True):
        written = [line for line in raw.lines if _plain(line).split()]
        kept.append(_Raw(raw.start_us, raw.end_us, written[count:], raw.speaker))
    return kept
