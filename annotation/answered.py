"""The ledger as typed answers: which count, which came before them, which do not fit the spec."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from annotation.answers import Said, read_result
from annotation.assign import AGAIN, ROUND, item_of
from annotation.controls import Media
from annotation.ledger import Entry, Ledger, TaskSeen
from schemas.answer import PERSON, Answer, Change, State
from schemas.answer_value import Value, number_of, plain, value_json
from schemas.question import QuestionSpec


@dataclass(frozen=True)
class Problem:
    """An answer that does not fit the spec, with the page on which it can be mended."""

    item: str
    rater: str
    question: str
    why: str
    link: str
    raw: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Answered:
    """All answers of a ledger.

    answers: the present ones, by item, question and rater: one of each person, and those of models.
    repeats: what raters said when an item came to them again.
    unfinished: drafts, skips, and what was deleted.
    problems: what does not fit the spec.
    """

    answers: tuple[Answer, ...]
    repeats: tuple[Answer, ...] = ()
    unfinished: tuple[Answer, ...] = ()
    problems: tuple[Problem, ...] = ()
    suggested: Mapping[str, int] = field(default_factory=dict)
    """Question to the number of people's answers that were given under a model's suggestion."""
    rounds: tuple[tuple[str, Answer], ...] = ()
    """Answers of later rounds: the task's key, and the answer. Experts' stand here alone: they saw the votes."""


@dataclass
class _Found:
    answers: list[Answer] = field(default_factory=list)
    repeats: list[Answer] = field(default_factory=list)
    unfinished: list[Answer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    suggested: dict[str, int] = field(default_factory=dict)
    rounds: list[tuple[str, Answer]] = field(default_factory=list)


def answered(
    ledger: Ledger,
    spec: QuestionSpec,
    media: Mapping[int, Media],
    url: str = "",
    *,
    experts: Collection[int] = (),
) -> Answered:
    """Read every entry of a ledger by the spec.

    Where a rater answered a task twice, the later answer is the present one and the earlier its history.

    Args:
        ledger: of projects that were made from this spec.
        spec: the questions.
        media: what the samples of each project have.
        url: the server's address, for links.
        experts: projects in which raters see what others said.
    """
    found = _Found()
    by_task: dict[tuple[int, int, str], list[list[Entry]]] = {}
    for states in ledger.entries.values():
        last = states[-1]
        by_task.setdefault((last.project, last.task, last.rater), []).append(states)
    for (project, number, _), several in sorted(by_task.items()):
        task = ledger.tasks[project, number]
        link = f"{url}/projects/{project}/data?task={number}"
        _one_rater(spec, media[project], task, several, link=link, expert=project in experts, found=found)
    suggestions = [_suggested(spec, media[task.project], task) for task in ledger.tasks.values() if not task.gone]
    models = [answer for some in suggestions for answer in some]
    return Answered(
        answers=_present(found, models),
        repeats=tuple(sorted(found.repeats, key=_order)),
        unfinished=tuple(sorted(found.unfinished, key=_order)),
        problems=tuple(sorted(found.problems, key=lambda one: (one.item, one.question, one.rater))),
        suggested=found.suggested,
        rounds=tuple(sorted(found.rounds, key=lambda one: (one[0], _order(one[1])))),
    )


def _order(answer: Answer) -> tuple[str, str, str, str]:
    return answer.item, answer.question, answer.rater, answer.annotation


def _present(found: _Found, models: Iterable[Answer]) -> tuple[Answer, ...]:
    """One answer of each rater to each question about each item: the latest, when a copy of its task was answered."""
    kept: dict[tuple[str, str, str], Answer] = {}
    for answer in sorted([*found.answers, *models], key=lambda one: one.at or ""):
        kept[answer.item, answer.question, answer.rater] = answer
    return tuple(sorted(kept.values(), key=_order))


def _one_rater(
    spec: QuestionSpec,
    media: Media,
    task: TaskSeen,
    several: list[list[Entry]],
    *,
    link: str,
    expert: bool,
    found: _Found,
) -> None:
    """All that one rater did to one task. The latest annotation that stands is the answer."""
    standing = [states for states in several if not states[-1].gone and states[-1].state == "submitted"]
    present = max(standing, key=lambda states: (states[-1].at, states[-1].number), default=None)
    suggestion = _suggestion(spec, media, task)
    for states in several:
        last = states[-1]
        overtaken = present is not None and last.state == "submitted" and not last.gone
        handed_in = last.kind == "draft" and last.gone and len(several) > 1
        if states is present or overtaken or handed_in:
            continue
        state: State = "deleted" if last.gone else last.state
        said = read_result(spec, task.show, last.result, task.data, media, whole=False)
        made = list(_answers(spec, task, states, said, state=state, suggestion={}, media=media))
        found.unfinished += made or [_nothing(task, states[-1], state)]
    if present is None:
        return
    earlier = sorted((entry for states in several for entry in states), key=lambda entry: entry.at)
    earlier = [entry for entry in earlier if entry.of != present[-1].of and entry.kind == "annotation"]
    said = read_result(spec, task.show, present[-1].result, task.data, media)
    made = list(_answers(spec, task, [*earlier, *present], said, state="submitted", suggestion=suggestion, media=media))
    if ROUND in task.key:
        found.rounds += [(task.key, answer) for answer in made]
    if not expert:
        (found.repeats if AGAIN in task.key else found.answers).extend(made)
    for answer in made:
        if answer.question in _columns(spec, task, suggestion):
            found.suggested[answer.question] = found.suggested.get(answer.question, 0) + 1
    found.problems += [
        Problem(item_of(task.key), present[-1].rater, bad.question, bad.why, link, bad.raw) for bad in said.bad
    ]


def _columns(spec: QuestionSpec, task: TaskSeen, values: Mapping[str, Value]) -> set[str]:
    return {spec.question(name).column(task.show) for name in values if not spec.question(name).blind}


def _suggestion(spec: QuestionSpec, media: Media, task: TaskSeen) -> dict[str, Value]:
    """What the screen was filled in with: the latest model's answers."""
    values: dict[str, Value] = {}
    for one in task.suggestions:
        values |= read_result(spec, task.show, one.result, task.data, media, whole=False).values
    return values


def _answers(
    spec: QuestionSpec,
    task: TaskSeen,
    states: list[Entry],
    said: Said,
    *,
    state: State,
    suggestion: Mapping[str, Value],
    media: Media,
) -> Iterator[Answer]:
    now = states[-1]
    before = [
        (entry, read_result(spec, task.show, entry.result, task.data, media, whole=False).values)
        for entry in states[:-1]
    ]
    untils = [entry.at for entry in states[1:]]
    for name, value in said.values.items():
        history = [
            Change(plain(values[name]) if name in values else "", entry.state, until)
            for (entry, values), until in zip(before, untils, strict=True)
        ]
        yield Answer(
            item=item_of(task.key),
            rater=now.rater,
            question=spec.question(name).column(task.show),
            value=plain(value),
            number=number_of(value),
            where=f"task {task.task}, {now.kind} {now.number}",
            given=value,
            shown=task.show,
            lead_time_s=now.lead_time_s,
            at=now.at or None,
            source="label-studio",
            accepted=not spec.question(name).blind and suggestion.get(name) == value,
            state=state,
            history=tuple(history),
            annotation=f"{now.kind} {now.number}",
        )


def _nothing(task: TaskSeen, entry: Entry, state: State) -> Answer:
    """A skip, or an empty draft: it says nothing on any question, but that the rater was there."""
    return Answer(
        item=item_of(task.key),
        rater=entry.rater,
        question="",
        value="",
        number=None,
        where=f"task {task.task}, {entry.kind} {entry.number}",
        shown=task.show,
        lead_time_s=entry.lead_time_s,
        at=entry.at or None,
        source="label-studio",
        state=state,
        annotation=f"{entry.kind} {entry.number}",
    )


def _suggested(spec: QuestionSpec, media: Media, task: TaskSeen) -> Iterator[Answer]:
    """Models' answers, under the models' names. An item that is asked about again has the same ones."""
    if "~" in task.key:
        return
    for one in task.suggestions:
        said = read_result(spec, task.show, one.result, task.data, media, whole=False)
        for name, value in said.values.items():
            yield Answer(
                item=task.key,
                rater=one.model,
                question=spec.question(name).column(task.show),
                value=plain(value),
                number=number_of(value),
                where=f"task {task.task}, prediction",
                given=value,
                shown=task.show,
                source="label-studio",
                origin=one.model,
            )


def table(answers: Iterable[Answer]) -> bytes:
    """JSON lines that `labels:` of a recipe and `affectloom agree` read: people's present answers, one a line.

    `item`, `rater`, `question` (the published column) and `value` come first; `given` is the typed value.
    """
    return b"".join(json.dumps(row_of(answer), ensure_ascii=False).encode() + b"\n" for answer in answers)


def row_of(answer: Answer) -> dict[str, Any]:
    """One line of the table."""
    return {
        "item": answer.item,
        "rater": answer.rater,
        "question": answer.question,
        "value": answer.number if answer.number is not None else answer.value,
        "given": None if answer.given is None else json.loads(value_json(answer.given)),
        "shown": answer.shown,
        "state": answer.state,
        "origin": "person" if answer.origin == PERSON else answer.origin,
        "accepted": answer.accepted,
        "lead_time_s": answer.lead_time_s,
        "at": answer.at,
        "annotation": answer.annotation,
        "history": [{"value": one.value, "state": one.state, "until": one.until} for one in answer.history],
    }
