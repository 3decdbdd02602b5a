"""Items that raters agree on least: what was said of each, and its clip."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Literal

from annotation.adjudicate import item_agreement
from annotation.rated import Rated
from annotation.voted import Group
from pipelines.annotating.asked import Asked
from pipelines.annotating.home import Home
from pipelines.annotating.shown import Clips, Shown
from schemas.answer import Answer
from schemas.answer_value import Value
from schemas.errors import UsageError

TYPES: Mapping[str, str] = {"flac": "audio/flac", "mp4": "video/mp4"}
_ALL = 1 - 1e-9


@dataclass(frozen=True)
class Votes:
    """What was said of an item. answers: rater and value as people read it; decided: expert, round, value."""

    column: str
    heading: str
    agreement: float | None
    counts: tuple[tuple[str, int], ...]
    answers: tuple[tuple[str, str], ...]
    decided: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True)
class Medium:
    """A clip: its bytes, where the page holds it, or its path from the page's folder."""

    kind: Literal["audio", "video"]
    type: str
    data: bytes | None = None
    path: str | None = None


@dataclass(frozen=True)
class Hard:
    """An item, and how far its raters agree on the question on which they agree least."""

    item: str
    agreement: float
    votes: tuple[Votes, ...]
    source: str = ""
    speaker: str = ""
    text: str = ""
    medium: Medium | None = None
    why: str = ""
    """Why there is no clip."""


Decided = Mapping[tuple[str, str], Sequence[tuple[int, Answer]]]
"""Item and column to what experts decided, by round."""


def hard(asked: Sequence[Asked], group: Group, *, most: int, decided: Decided | None = None) -> list[Hard]:
    """The items on which raters agree least, at most so many; none on which they all agree."""
    values: dict[str, dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for of in asked:
        for answer in of.answers:
            if of.question.agreement and answer.given is not None:
                values[answer.item][of.column].append(answer.given)
    by_column = {of.column: of for of in asked}
    scored: list[tuple[float, float, str, dict[str, float | None]]] = []
    for item, columns in values.items():
        each = {name: item_agreement(by_column[name].question, given, group) for name, given in columns.items()}
        known = [agreed for agreed in each.values() if agreed is not None]
        if known and min(known) < _ALL:
            scored.append((min(known), fmean(known), item, each))
    chosen = sorted(scored, key=lambda one: one[:3])[:most]
    wanted = {item for _, _, item, _ in chosen}
    said: dict[str, dict[str, list[Answer]]] = defaultdict(lambda: defaultdict(list))
    for of in asked:
        for answer in of.answers:
            if answer.item in wanted:
                said[answer.item][of.column].append(answer)
    return [
        Hard(
            item,
            least,
            tuple(
                _votes(of, said[item][of.column], each.get(of.column), (decided or {}).get((item, of.column), ()))
                for of in asked
                if of.column in said[item]
            ),
        )
        for least, _, item, each in chosen
    ]


def _votes(of: Asked, answers: Sequence[Answer], agreed: float | None, decided: Sequence[tuple[int, Answer]]) -> Votes:
    shown = [(one.rater, told(of.parts, one)) for one in sorted(answers, key=lambda one: one.rater)]
    counts = Counter(value for _, value in shown).most_common()
    heading = (
        of.question.heading
        if of.show == "all" or len(of.question.shows) == 1
        else f"{of.question.heading} ({of.show} alone)"
    )
    experts = tuple((one.rater, number, told(of.parts, one)) for number, one in decided)
    return Votes(of.column, heading, agreed, tuple(counts), tuple(shown), experts)


def told(parts: Sequence[Rated], answer: Answer) -> str:
    """An answer as people read it."""
    if answer.given is None:
        return answer.value
    keys = [(part, part.key(answer.given)) for part in parts]
    each = [(part.dimension, part.label(key)) for part, key in keys if key is not None]
    return ", ".join(f"{dimension} {label}".strip() for dimension, label in each)


def with_samples(items: Iterable[Hard], samples: Mapping[str, Shown], sources: Mapping[str, str]) -> list[Hard]:
    """The same with what the samples say."""
    found = []
    for one in items:
        sample = samples.get(one.item)
        speaker, text = ("", "") if sample is None else (sample.speaker, sample.text)
        found.append(replace(one, source=sources.get(one.item, ""), speaker=speaker, text=text))
    return found


def with_clips(
    home: Home, items: Iterable[Hard], samples: Mapping[str, Shown], out: Path, budget: int
) -> tuple[list[Hard], int]:
    """The same with their clips: in the page while there is room, else as files in a folder beside it.

    Args:
        home: the recipe and its store; clips that `push` has cut are taken, others are cut.
        items: the hardest first.
        samples: by id.
        out: the page's file; the folder has its name and `-clips`.
        budget: bytes of clips in the page.

    Returns:
        The items, and how many clips lie beside the page.

    Raises:
        UsageError: the folder cannot be written.
    """
    folder = out.with_name(f"{out.stem}-clips")
    found, beside = [], 0
    with ExitStack() as stack:
        cut = _cutter(home, stack)
        for one in items:
            sample = samples.get(one.item)
            if sample is None or sample.kind == "none":
                found.append(one if sample is not None else replace(one, why="The sample is no longer there."))
                continue
            path, why = cut(sample)
            if path is None:
                found.append(replace(one, why=why))
                continue
            kind: Literal["audio", "video"] = "video" if sample.kind == "video" else "audio"
            medium = Medium(kind, TYPES[path.suffix[1:]])
            if path.stat().st_size <= budget:
                budget -= path.stat().st_size
                found.append(replace(one, medium=replace(medium, data=path.read_bytes())))
                continue
            beside += 1
            _copy(path, folder)
            found.append(replace(one, medium=replace(medium, path=f"{folder.name}/{path.name}")))
    return found, beside


def _cutter(home: Home, stack: ExitStack) -> Callable[[Shown], tuple[Path | None, str]]:
    folder = Path(home.folder) / "media" if home.store.is_local else None
    clips = Clips(folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="affectloom-clips-"))), [])

    def cut(sample: Shown) -> tuple[Path | None, str]:
        medium = "video" if sample.kind == "video" else "audio"
        recording = home.store.open(sample.recording, home.loaded.plan.lineage)
        (name,) = clips.cut(recording, [sample], medium)
        if name is None:
            return None, f"The clip cannot be cut: {clips.problems[-1].message}"
        return clips.folder / name, ""

    return cut


def _copy(path: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror or error}", do="name another file for the page"
        ) from error
