"""`affectloom annotate report`: agreement, raters, hard items and progress of a recipe, gathered for one page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotation import bootstrap
from annotation.answered import Answered
from annotation.assign import ROUND
from annotation.modality import modality_agreement, modality_importance
from annotation.ratings import Undefined
from pipelines.annotating.asked import Asked, asked, lengths_of
from pipelines.annotating.gold import gold_answers
from pipelines.annotating.home import Home
from pipelines.annotating.pull import read_all
from pipelines.annotating.push import samples_of
from pipelines.annotating.report_items import Hard, hard, with_clips, with_samples
from pipelines.annotating.report_told import Known, QuestionTold, question_told
from pipelines.annotating.rounds import RaterStatus, status_of
from schemas.answer import Answer
from schemas.errors import UsageError
from schemas.question import QuestionSpec, Show
from schemas.source import Source

MODALITIES: tuple[Show, ...] = ("text", "audio", "silent-video")


@dataclass(frozen=True)
class Modality:
    """What raters shown one modality alone tell of the label given to the whole. agreement: Cohen's kappa."""

    show: Show
    agreement: float | Undefined
    interval: tuple[float, float] | Undefined
    importance: float | Undefined


@dataclass(frozen=True, eq=False)
class ReportTold:
    """All that the page shows. times: when answers were given, ISO 8601, the first one first."""

    name: str
    questions: tuple[QuestionTold, ...]
    hard: tuple[Hard, ...] = ()
    progress: tuple[RaterStatus, ...] = ()
    modalities: Mapping[str, tuple[Modality, ...]] = field(default_factory=dict)
    times: tuple[str, ...] = ()
    raters: int = 0
    answers: int = 0
    items: int = 0
    answered: int = 0
    """Items with an answer."""
    contested: int | None = None
    problems: int | None = None
    beside: int = 0
    """Clips in the folder beside the page."""
    samples: int = 1000
    """Of the bootstrap."""
    notes: tuple[str, ...] = ()


def report(home: Home, out: Path, *, by: str, most: int, budget: int, samples: int) -> ReportTold:
    """Everything on a recipe's answers, as at the last pull.

    Args:
        home: the recipe and its store.
        out: the page's file: clips that do not fit go beside it.
        by: what a source is: recording, speaker, dialogue, or a further column of the table of sources.
        most: hard items.
        budget: bytes of clips in the page.
        samples: of the bootstrap.

    Raises:
        UsageError: nobody has answered, there is no such column, or the folder for clips cannot be written.
        SourceTableError: the table of known answers is damaged.
    """
    found = read_all(home, home.ledger())
    shown = samples_of(home)
    of = asked(home.spec, found.answers, home.group)
    people = [answer for one in of for answer in one.answers]
    if not people:
        raise UsageError(f"nobody has answered {home.name} yet", do="`affectloom annotate pull` first")
    status = status_of(home, found, shown)
    sources = sources_by(home, {one.id: one.recording for one in shown}, by)
    gold = gold_answers(home)
    told: list[QuestionTold] = []
    notes: list[str] = []
    for one in of:
        known = Known(
            lengths=lengths_of(one.question, shown),
            sources=sources,
            by=by,
            gold=gold.get(one.column, {}),
            again=[answer for answer in found.repeats if answer.question == one.column],
        )
        if not one.question.agreement:
            notes.append(f"Not compared, as the questions say: {one.question.heading}.")
            continue
        told += [question_told(part, one.answers, known, show=one.show, samples=samples) for part in one.parts]
    by_id = {one.id: one for one in shown}
    hardest = hard(of, home.group, most=most, decided=decided(found, home))
    clipped, beside = with_clips(home, with_samples(hardest, by_id, sources), by_id, out, budget)
    return ReportTold(
        name=home.spec.title or home.name,
        questions=tuple(told),
        hard=tuple(clipped),
        progress=tuple(status.raters),
        modalities=modalities(home.spec, of, samples),
        times=tuple(sorted(answer.at for answer in people if answer.at)),
        raters=len({answer.rater for answer in people}),
        answers=len(people),
        items=status.items,
        answered=len({answer.item for answer in people}),
        contested=status.contested,
        problems=status.problems,
        beside=beside,
        samples=samples,
        notes=tuple(notes),
    )


def sources_by(home: Home, recordings: Mapping[str, str], by: str) -> dict[str, str]:
    """Item to its source. recordings: item to its recording. Raises UsageError where no recording has the column."""
    if by == "recording":
        return dict(recordings)
    named: dict[str, str | None] = {}
    columns: set[str] = {"speaker", "dialogue", "recording"}
    for recording in set(recordings.values()):
        source = home.store.open(recording, home.loaded.plan.lineage).source
        columns |= source.extra.keys()
        named[recording] = _cell(source, by)
    if by not in columns:
        raise UsageError(f"no recording has {by!r}", do=f"--by takes {', '.join(sorted(columns))}")
    return {item: named[of] or "not stated" for item, of in recordings.items()}


def _cell(source: Source, by: str) -> str | None:
    given = {"speaker": source.speaker, "dialogue": source.dialogue}.get(by, source.extra.get(by))
    return None if given is None or given == "" else str(given)


def decided(found: Answered, home: Home) -> dict[tuple[str, str], list[tuple[int, Answer]]]:
    """What experts decided, by item and column, in the order of rounds."""
    experts = {one.key for one in home.contests() if not one.raters}
    by: dict[tuple[str, str], list[tuple[int, Answer]]] = defaultdict(list)
    for key, answer in found.rounds:
        if key in experts:
            by[answer.item, answer.question].append((int(key.rpartition(ROUND)[2]), answer))
    return {place: sorted(each, key=lambda one: one[0]) for place, each in by.items()}


def modalities(spec: QuestionSpec, of: Sequence[Asked], samples: int) -> dict[str, tuple[Modality, ...]]:
    """Of each question that was asked of the whole and of modalities alone, what these tell of the label."""
    found = {}
    for question in spec.questions:
        parts = {one.show: one.parts for one in of if one.question.id == question.id}
        if "all" not in parts or question.level in {"text", "spans", "set"}:
            continue
        for at, full in enumerate(parts["all"]):
            alone = {show: parts[show][at].table for show in MODALITIES if show in parts and parts[show][at].keyed}
            if not alone or not full.keyed:
                continue
            importance = modality_importance({str(show): table for show, table in alone.items()}, full.table)
            found[full.column] = tuple(
                Modality(
                    show, *bootstrap.with_interval(modality_agreement(table, full.table), samples), importance[show]
                )
                for show, table in alone.items()
            )
    return found
