"""IEMOCAP's folders (Busso et al. 2008, https://doi.org/10.1007/s10579-008-9076-6): dialogues, and the turns in them.

`SessionN/dialog/EmoEvaluation/NAME.txt` has a block for each turn: its times, what the raters agreed on, and a line for
each rater's categories (`C-E2:`) and attributes (`A-E3:`), those of the actors themselves too (`C-F1:`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.importing.corpus import Corpus, Label
from pipelines.store import is_id
from schemas.errors import SourceTableError, UsageError

CATEGORIES = (
    "neutral", "happiness", "excited", "sadness", "anger", "frustration", "fear", "surprise", "disgust", "other",
)  # fmt: skip
ATTRIBUTES = {"val": "valence", "act": "activation", "dom": "dominance"}
_TURN = re.compile(r"\[(\d+(?:\.\d+)?) - (\d+(?:\.\d+)?)\]\t(\S+)\t(\S+)\t\[")
_RATER = re.compile(r"([CA])-([EFM]\d+):\s*(.*)")
_ATTRIBUTE = re.compile(r"\b(val|act|dom)\s+(\d(?:\.\d+)?)\s*;")
_SAID = re.compile(r"(\S+) \[[\d.]+-[\d.]+\]:\s*(.*)")
_NAME = re.compile(r"(Ses\d\d)[FM]_\w+_([FM])\w+")
_MOST_CHARS = 20_000_000


@dataclass
class Turn:
    """One turn of a dialogue. answers: rater, question and value of each of its raters."""

    name: str
    start: str
    end: str
    agreed: str
    answers: list[tuple[str, str, str]] = field(default_factory=list)


def iemocap(files: Sequence[Path], media: Path | None) -> Corpus:
    """The corpus in `IEMOCAP_full_release`. media: another folder with the same sessions, for the recordings alone.

    A turn's raters are kept apart. What actors said of themselves are answers to questions of their own, `..._self`.
    Raises SourceTableError or UsageError.
    """
    sources: list[Mapping[str, str | int]] = []
    utterances: list[Mapping[str, str | int]] = []
    labels: list[Label] = []
    for root in files:
        tables = sorted(path for path in root.glob("Session*/dialog/EmoEvaluation/*.txt") if is_id(path.stem))
        if not tables:
            raise UsageError(f"{root} has no Session*/dialog/EmoEvaluation/*.txt", do="name IEMOCAP_full_release")
        for path in tables:
            session, name = path.parents[2].name, path.stem
            sources.append({"id": name, "path": str(_recording(media or root, session, name)), "session": session})
            texts = _texts(path.parents[1] / "transcriptions" / path.name)
            for turn in turns_of(_text(path), str(path)):
                told = _NAME.fullmatch(turn.name)
                row = {"recording": name, "utterance": turn.name, "start": turn.start, "end": turn.end}
                speaker = f"{told[1]}_{told[2]}" if told else ""
                more = {"text": texts.get(turn.name, ""), "speaker": speaker, "agreed": turn.agreed}
                utterances.append({**row, **more, "dialogue": name})
                labels += [Label(turn.name, question, value, rater) for rater, question, value in turn.answers]
    asked = {one.question for one in labels}
    every = [*_questions(""), *_questions("_self")]
    questions = tuple(one for one in every if one["id"] in asked)
    if not questions:
        raise SourceTableError(f"{files[0]}: no rater's answer in any file", do="name IEMOCAP_full_release")
    return Corpus(
        "iemocap", tuple(sources), tuple(labels), questions, context=3, utterances=tuple(utterances), group_by="session"
    )


def _questions(after: str) -> Iterator[dict[str, object]]:
    agreement = not after  # actors judge themselves: there is one of each
    title = "Which emotions are expressed?"
    yield {"id": f"emotion{after}", "kind": "choices", "title": title, "agreement": agreement, "choices": [*CATEGORIES]}
    for name in ATTRIBUTES.values():
        scale = {"id": f"{name}{after}", "kind": "scale", "title": name, "range": [1, 5], "step": 0.5}
        yield {**scale, "measure": "interval", "agreement": agreement}


def turns_of(text: str, where: str) -> Iterator[Turn]:
    """The turns of an evaluation file. Raises SourceTableError with file and line."""
    turn: Turn | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            found = _TURN.match(line)
            if not found:
                raise SourceTableError(f"{where}:{number}: no turn: {line[:80]!r}", do="is it IEMOCAP's file?")
            if turn is not None:
                yield turn
            turn = Turn(found[3], found[1], found[2], found[4])
        elif turn is not None and (told := _RATER.match(line)):
            turn.answers += _answers(told[1], told[2], told[3], f"{where}:{number}")
    if turn is not None:
        yield turn


def _answers(kind: str, rater: str, text: str, where: str) -> Iterator[tuple[str, str, str]]:
    after = "" if rater.startswith("E") else "_self"
    if kind == "A":
        for short, value in _ATTRIBUTE.findall(text):
            yield rater, ATTRIBUTES[short] + after, value
        return
    named = [part.strip().lower() for part in text.partition("(")[0].split(";") if part.strip()]
    named = [name.removesuffix(" state") for name in named]
    unknown = [name for name in named if name not in CATEGORIES]
    if unknown:
        raise SourceTableError(f"{where}: found {unknown[0]!r}, allowed: {', '.join(CATEGORIES)}")
    if named:
        yield rater, f"emotion{after}", "|".join(name for name in CATEGORIES if name in named)


def _recording(root: Path, session: str, name: str) -> Path:
    """The dialogue's video, else its sound; where neither is there, acquiring says so."""
    folder = root / session / "dialog"
    places = (folder / "avi" / "DivX" / f"{name}.avi", folder / "avi" / f"{name}.avi", folder / "wav" / f"{name}.wav")
    return next((path for path in places if path.is_file()), places[0])


def _texts(path: Path) -> dict[str, str]:
    """What is said in each turn; nothing where there is no transcription."""
    if not path.is_file():
        return {}
    found = (_SAID.match(line) for line in _text(path).splitlines())
    return {one[1]: one[2].strip() for one in found if one}


def _text(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        text = file.read(_MOST_CHARS + 1)
    if len(text) > _MOST_CHARS:
        raise SourceTableError(f"{path}: more than {_MOST_CHARS:,} characters are no evaluation of IEMOCAP")
    return text
