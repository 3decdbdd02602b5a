"""What of one recording's texts is published, read, seen and heard, where names and numbers are taken out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.protecting.beeps import Stretch
from pipelines.protecting.faces import Cover
from pipelines.protecting.names import Finder, mentions
from pipelines.protecting.texts import Found, Redacted, redacted

TEXTS = ("text", "words", "ocr", "extra")
_AROUND_S = 1.0
"""So long before and after it was read a line is hidden: pictures are not looked at all the time."""
_NOT_HEARD = "its language is not one that names can be found in"
_NO_TIMES = "a word that is not published has no times, so that it cannot be taken out of the sound"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """One sample. values: of its columns with text, where they change. was: what became of its text.

    whole: why nothing of it may be heard.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    was: Redacted | None = None
    whole: str = ""
    is_withheld: bool = False

    def label(self, given: Any) -> Any:
        """A value that answers made; stretches of the transcript moved to where their words are now."""
        if isinstance(given, list):
            return [self.label(one) for one in given]
        if not isinstance(given, dict):
            return given
        if not {"start", "end", "label"} <= given.keys() or not given.get("text"):
            return {name: self.label(one) for name, one in given.items()}
        if self.is_withheld:
            return {**given, "text": ""}
        if self.was is None:
            return given
        start, end = self.was.place(int(given["start"])), self.was.place(int(given["end"]), end=True)
        return {**given, "start": float(start), "end": float(end), "text": self.was.text[start:end]}


WHOLE = Kept()
"""A sample of which all is published."""


@dataclass(frozen=True)
class Redaction:
    """One recording. beeps: when words are not to be heard. lines: what is not to be read on the screen."""

    samples: Mapping[str, Kept] = field(default_factory=dict)
    beeps: tuple[Stretch, ...] = ()
    lines: tuple[Cover, ...] = ()


def has_text(row: Row) -> bool:
    """Whether a sample has anything to read."""
    words, seen = row.get("words") or (), row.get("ocr") or ()
    return any(one.strip() for one in [row.get("text") or "", *(one["text"] or "" for one in (*words, *seen))])


def redact(rows: Sequence[Row], finder: Finder, further: Row) -> Redaction:
    """What of a recording's samples is published.

    A name that is found anywhere in the recording is looked for in all its texts.

    Args:
        rows: each with its `id`, its `language`, and those of TEXTS that it has.
        finder: of names and numbers. Samples in languages that it does not know are withheld.
        further: columns of the recording's source.
    """
    known = [row for row in rows if finder.knows(row.get("language"))]
    names: set[str] = set()
    for row in known:
        for text in _texts(row, further):
            names |= finder.names(text, row["language"])
    beeps: list[Stretch] = []
    lines: set[Cover] = set()
    kept = {}
    for row in rows:
        if finder.knows(row.get("language")):
            kept[row["id"]] = _kept(row, finder, names, further, beeps=beeps, lines=lines)
        else:
            kept[row["id"]] = _withheld(row, further)
            lines.update(_cover(one) for one in row.get("ocr") or ())
    return Redaction(kept, tuple(sorted(set(beeps))), tuple(sorted(lines)))


def _texts(row: Row, further: Row) -> Iterable[str]:
    yield row.get("text") or ""
    yield _joined(row.get("words") or ())
    yield from (one["text"] for one in row.get("ocr") or ())
    yield from (one for one in _extra(row, further).values() if isinstance(one, str))


def _extra(row: Row, further: Row) -> dict[str, Any]:
    own = {name: one for name, one in (row.get("extra") or {}).items() if one is not None}
    return {**further, **own}


def _joined(words: Iterable[Row]) -> str:
    return " ".join(word["text"] or "" for word in words)


def _kept(row: Row, finder: Finder, names: set[str], further: Row, *, beeps: list[Stretch], lines: set[Cover]) -> Kept:
    def find(text: str) -> list[Found]:
        return [*finder.find(text, row["language"]), *mentions(names, text)]

    was = redacted(row.get("text") or "", find(row.get("text") or ""))
    values: dict[str, Any] = {"text": None if row.get("text") is None else was.text}
    words, said = row.get("words"), []
    found, at = find(_joined(words or ())), 0
    gone: list[Row] = []
    for word in words or ():
        text = word["text"] or ""
        here = [Found(one.start - at, one.end - at, one.what) for one in found]
        now = redacted(text, here)
        at += len(text) + 1
        said.append({**word, "text": now.text})
        gone += [word] if now.edits else []
    values["words"] = None if words is None else said
    timed = [(one["start"], one["end"]) for one in gone if one["start"] is not None and one["end"] is not None]
    beeps += timed
    seen = row.get("ocr")
    read = [(one, redacted(one["text"], find(one["text"]))) for one in seen or ()]
    lines.update(_cover(one) for one, now in read if now.edits)
    values["ocr"] = None if seen is None else [{**one, "text": now.text} for one, now in read]
    values["extra"] = {
        name: redacted(one, find(one)).text if isinstance(one, str) else one
        for name, one in _extra(row, further).items()
    }
    lacking = len(timed) < len(gone) or len(gone) < len(was.edits)
    return Kept(values, was, _NO_TIMES if lacking else "")


def _withheld(row: Row, further: Row) -> Kept:
    told = {
        name: None if isinstance(one, str) and " " in one.strip() else one for name, one in _extra(row, further).items()
    }
    if not has_text(row):  # nothing is said, nothing is to be read
        return Kept({"text": row.get("text"), "words": row.get("words"), "ocr": row.get("ocr"), "extra": told})
    return Kept({"text": None, "words": None, "ocr": None, "extra": told}, whole=_NOT_HEARD, is_withheld=True)


def _cover(line: Row) -> Cover:
    box = line["box"]
    sides = (float(box[side]) for side in ("left", "top", "width", "height"))
    if line["start"] is None:
        return Cover(0, 0, *sides)
    return Cover(line["start"] - _AROUND_S, line["end"] + _AROUND_S, *sides)
