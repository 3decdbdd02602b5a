"""Texts on a recording's clock: SubRip, WebVTT, Praat TextGrid, ELAN. One file a recording.

Formats: SubRip has no standard; WebVTT is https://www.w3.org/TR/webvtt1/; TextGrid's long text format is in Praat's
manual ("TextGrid file formats"); ELAN's is the schema EAFv3.0, https://www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from pipelines.exporting.published import Exported, Published, Row, file_name, label_text

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TextOf = Callable[[str, Sequence[Row], Sequence[str]], str]
_NO_CLOCK = "no place on a clock (a picture, a text)"


@dataclass(frozen=True)
class Tier:
    """Intervals that do not overlap, by their start, in seconds."""

    name: str
    intervals: tuple[tuple[float, float, str], ...]


def srt(data: Published, out: Path) -> Exported:
    """A cue a sample, with its words."""
    return _each(data, out, "srt", _srt)


def vtt(data: Published, out: Path) -> Exported:
    """A cue a sample, the speaker as its voice, with the time of each word."""
    return _each(data, out, "vtt", _vtt)


def textgrid(data: Published, out: Path) -> Exported:
    """Interval tiers: words, samples, speakers, and one for each question."""
    return _each(data, out, "TextGrid", lambda _recording, rows, labels: _textgrid(tiers(rows, labels)))


def elan(data: Published, out: Path) -> Exported:
    """Alignable tiers: words, samples, speakers, and one for each question. Times are rounded to milliseconds."""
    return _each(data, out, "eaf", lambda _recording, rows, labels: _eaf(rows[0]["source"], tiers(rows, labels)))


def _each(
    data: Published, out: Path, ending: str, text_of: Callable[[str, Sequence[Row], Sequence[str]], str]
) -> Exported:
    done = Exported(why=_NO_CLOCK)
    total = sum(1 for _ in data.rows(without=[name for name in data.columns if name != "id"]))
    without = [name for name in data.columns if name not in _needed(data)]
    for recording, rows in data.recordings(without=without):
        text = text_of(recording, rows, data.labels)
        (out / f"{file_name(recording)}.{ending}").write_text(text, encoding="utf-8", newline="")
        done.files += 1
        done.samples += len(rows)
    done.left_out = total - done.samples
    return done


def _needed(data: Published) -> set[str]:
    return {"id", "recording", "index", "start", "end", "text", "words", "speaker", "source", *data.labels}


def tiers(rows: Sequence[Row], labels: Sequence[str]) -> list[Tier]:
    """What a recording's samples say, as tiers; where samples overlap, further tiers `NAME 2`, `NAME 3`, ..."""
    words = sorted({(word["start"], word["end"], word["text"]) for row in rows for word in row.get("words") or []})
    columns: list[tuple[str, Iterable[tuple[float, float, str]]]] = [
        ("words", words),
        ("samples", [(row["start"], row["end"], row["text"] or "") for row in rows]),
        ("speaker", [(row["start"], row["end"], row["speaker"]) for row in rows if row.get("speaker")]),
    ]
    columns += [
        (name, [(row["start"], row["end"], label_text(row[name])) for row in rows if row[name] is not None])
        for name in labels
    ]
    return [tier for name, intervals in columns for tier in _apart(name, intervals)]


def _apart(name: str, intervals: Iterable[tuple[float, float, str]]) -> Iterator[Tier]:
    lanes: list[list[tuple[float, float, str]]] = []
    for start, end, text in intervals:
        if end <= start:
            continue
        lane = next((one for one in lanes if one[-1][1] <= start), None)
        if lane is None:
            lanes.append(lane := [])
        lane.append((start, end, text))
    for number, lane in enumerate(lanes, 1):
        yield Tier(name if number == 1 else f"{name} {number}", tuple(lane))


def clock(seconds: float, point: str = ".") -> str:
    """`HH:MM:SS.mmm`, rounded to the millisecond."""
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _srt(_recording: str, rows: Sequence[Row], _labels: Sequence[str]) -> str:
    said = [row for row in rows if _one_line(row["text"])]
    cues = (
        f"{number}\n{clock(row['start'], ',')} --> {clock(row['end'], ',')}\n{_one_line(row['text'])}\n"
        for number, row in enumerate(said, 1)
    )
    return "\n".join(cues)


def _vtt(_recording: str, rows: Sequence[Row], _labels: Sequence[str]) -> str:
    parts = ["WEBVTT\n"]
    for row in rows:
        if not _one_line(row["text"]):
            continue
        words = row.get("words") or []
        said = "".join(
            (f" <{clock(word['start'])}>" if place and row["start"] < word["start"] < row["end"] else " " * bool(place))
            + html.escape(_one_line(word["text"]), quote=False)
            for place, word in enumerate(words)
        )
        said = said or html.escape(_one_line(row["text"]), quote=False)
        speaker = row.get("speaker")
        if speaker:
            said = f"<v {html.escape(_one_line(speaker), quote=False)}>{said}</v>"
        parts.append(f"{row['id']}\n{clock(row['start'])} --> {clock(row['end'])}\n{said}\n")
    return "\n".join(parts)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").replace("-->", "→").split())


def _textgrid(found: Sequence[Tier]) -> str:
    end = max(tier.intervals[-1][1] for tier in found)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end!r}"]
    lines += ["tiers? <exists>", f"size = {len(found)}", "item []:"]
    for number, tier in enumerate(found, 1):
        filled = list(_filled(tier.intervals, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(tier.name)}"]
        lines += ["        xmin = 0", f"        xmax = {end!r}", f"        intervals: size = {len(filled)}"]
        for place, (begin, until, text) in enumerate(filled, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {begin!r}"]
            lines += [f"            xmax = {until!r}", f"            text = {_quoted(text)}"]
    return "\n".join(lines) + "\n"


def _filled(intervals: Sequence[tuple[float, float, str]], end: float) -> Iterator[tuple[float, float, str]]:
    """A TextGrid's tier has no gaps: what lies between is empty text."""
    at = 0.0
    for begin, until, text in intervals:
        if begin > at:
            yield at, begin, ""
        yield max(begin, at), until, text
        at = until
    if at < end:
        yield at, end, ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _eaf(source: str | None, found: Sequence[Tier]) -> str:
    document = ET.Element("ANNOTATION_DOCUMENT", {"AUTHOR": "", "DATE": "1970-01-01T00:00:00Z", "FORMAT": "3.0"})
    document.set("VERSION", "3.0")
    ET.register_namespace("xsi", _XSI)
    document.set(f"{{{_XSI}}}noNamespaceSchemaLocation", "http://www.mpi.nl/tools/elan/EAFv3.0.xsd")
    header = ET.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if source:
        ET.SubElement(header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": source, "MIME_TYPE": "unknown"})
    moments = sorted(
        {round(at * 1000) for tier in found for begin, until, _ in tier.intervals for at in (begin, until)}
    )
    slots = {moment: f"ts{number}" for number, moment in enumerate(moments, 1)}
    order = ET.SubElement(document, "TIME_ORDER")
    for moment, slot in slots.items():
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(moment)})
    number = 0
    for tier in found:
        element = ET.SubElement(document, "TIER", {"LINGUISTIC_TYPE_REF": "default", "TIER_ID": tier.name})
        for begin, until, text in tier.intervals:
            if round(begin * 1000) == round(until * 1000):
                continue
            number += 1
            where = {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": slots[round(begin * 1000)]}
            where["TIME_SLOT_REF2"] = slots[round(until * 1000)]
            aligned = ET.SubElement(ET.SubElement(element, "ANNOTATION"), "ALIGNABLE_ANNOTATION", where)
            ET.SubElement(aligned, "ANNOTATION_VALUE").text = _allowed(text)
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default", "TIME_ALIGNABLE": "true"}
    ET.SubElement(document, "LINGUISTIC_TYPE", kind)
    ET.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(document, encoding="unicode") + "\n"


def _allowed(text: str) -> str:
    """Without the control characters that XML 1.0 has no way to write."""
    return "".join(one for one in text if one in "\t\n" or one >= " ")
