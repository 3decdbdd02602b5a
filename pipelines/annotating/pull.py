"""`affectloom annotate pull`: what raters did, and what it says by the recipe's questions."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from annotation.answer_check import Unfit
from annotation.answer_text import read_text
from annotation.answered import Answered, answered, row_of, table
from annotation.label_studio import LabelStudio
from annotation.ledger import Ledger
from annotation.pull import Named, Pulled, pull, take_export
from pipelines.annotating.answer_table import read_answers
from pipelines.annotating.home import Home
from pipelines.annotating.push import items_of
from schemas.answer import PERSON, Answer
from schemas.answer_value import number_of, plain, value_of_json
from schemas.errors import SourceTableError
from schemas.question import AnyQuestion, QuestionSpec, Show

ANSWERS, PROBLEMS, UNFINISHED, REPEATS = "answers.jsonl", "problems.jsonl", "unfinished.jsonl", "repeats.jsonl"
ADJUDICATED = "adjudicated.jsonl"
_ELSEWHERE = "elsewhere.jsonl"
_MOST_LISTED = 20


@dataclass
class PullReport:
    """What a pull found. pulled: project number to what was read of it."""

    answers: int = 0
    raters: int = 0
    items: int = 0
    problems: int = 0
    unfinished: int = 0
    accepted: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Question to how many suggestions of a model were left as they were, and how many were seen."""
    pulled: dict[int, Pulled] = field(default_factory=dict)
    table: str = ""


def pull_recipe(
    home: Home, server: LabelStudio, *, progress: Callable[[str, int], None] = lambda _what, _done: None
) -> PullReport:
    """Read what is new in the recipe's projects, and write the tables anew. Raises as annotation.pull.pull."""
    _, projects = home.pushed()
    ledger = home.ledger()
    known = home.raters(server.url)
    named = naming(home, server.url, server.users(), known)
    pulled = {}
    for one in projects:
        pulled[one.number] = pull(
            server, one.number, one.show, ledger, named, progress=lambda done: progress("changed tasks", done)
        )
    _keep(home, ledger)
    home.keep_raters(server.url, known)
    return replace_pulled(write_tables(home, ledger), pulled)


def import_file(home: Home, path: Path) -> PullReport:
    """Take in answers from a file: Label Studio's JSON export, or a table of item, rater, question, value.

    Raises:
        SourceTableError: the file is none of these, or is about other projects, items or questions. Nothing changed.
    """
    if path.suffix.lower() != ".json":
        _take_table(home, path)
        return write_tables(home, home.ledger())
    url, projects = home.pushed()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceTableError(f"{path} cannot be read: {error.strerror}") from error
    ledger = home.ledger()
    known = home.raters(url)
    shows: dict[int, Show] = {one.number: one.show for one in projects}
    pulled = take_export(data, str(path), shows, ledger, naming(home, url, {}, known), items_of(home))
    _keep(home, ledger)
    return replace_pulled(write_tables(home, ledger), {0: pulled})


def replace_pulled(report: PullReport, pulled: dict[int, Pulled]) -> PullReport:
    """The report with what was read."""
    return replace(report, pulled=pulled)


def naming(home: Home, url: str, users: dict[int, str], known: dict[str, str]) -> Named:
    """Users to pseudonyms. `known` is filled in, so that a user who is removed from the server keeps theirs."""

    def named(user: object) -> str:
        if isinstance(user, dict):
            user = user.get("email") or user.get("id")
        if isinstance(user, str) and not user.isdigit():
            return home.pseudonym(user)
        number = str(user)
        if number not in known:
            email = users.get(int(number)) if number.isdigit() else None
            known[number] = home.pseudonym(email or f"user {number} of {url}")
        return known[number]

    return named


def _keep(home: Home, ledger: Ledger) -> None:
    home.store.write(home.ledger_path, ledger.to_bytes())


def read_all(home: Home, ledger: Ledger) -> Answered:
    """All answers by the recipe's questions, those from elsewhere among them."""
    url, projects = home.projects()
    experts = {one.number for one in projects if one.expert}
    found = answered(ledger, home.spec, {one.number: one.media for one in projects}, url, experts=experts)
    elsewhere = _elsewhere(home)
    have = {(one.item, one.rater, one.question) for one in found.answers}
    more = [one for one in elsewhere if (one.item, one.rater, one.question) not in have]
    return replace(found, answers=tuple(sorted([*found.answers, *more], key=_order)))


def _order(answer: Answer) -> tuple[str, str, str]:
    return answer.item, answer.question, answer.rater


def write_tables(home: Home, ledger: Ledger) -> PullReport:
    """Write the tables that others read: answers, repeats, unfinished, problems. Each is replaced as a whole."""
    found = read_all(home, ledger)
    people = [one for one in found.answers if one.counts]
    home.store.write(f"{home.folder}/{ANSWERS}", table(people))
    home.store.write(f"{home.folder}/models.jsonl", table(one for one in found.answers if one.origin != PERSON))
    home.store.write(f"{home.folder}/{REPEATS}", table(found.repeats))
    home.store.write(f"{home.folder}/{UNFINISHED}", table(found.unfinished))
    home.store.write(f"{home.folder}/{PROBLEMS}", _lines(asdict(one) for one in found.problems))
    contests = {one.key: one for one in home.contests()}
    decided = [
        {
            **row_of(one),
            "round": key,
            "expert": key in contests and not contests[key].raters,
            "votes": contests[key].votes.get(one.question, {}) if key in contests else {},
        }
        for key, one in found.rounds
    ]
    home.store.write(f"{home.folder}/{ADJUDICATED}", _lines(decided))
    accepted = {
        question: (sum(one.accepted for one in people if one.question == question), seen)
        for question, seen in sorted(found.suggested.items())
    }
    return PullReport(
        answers=len(people),
        raters=len({one.rater for one in people}),
        items=len({one.item for one in people}),
        problems=len(found.problems),
        unfinished=len(found.unfinished),
        accepted=accepted,
        table=f"{home.folder}/{ANSWERS}",
    )


def _lines(rows: Iterable[object]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _take_table(home: Home, path: Path) -> None:
    """Answers given elsewhere. The same table again changes nothing; a changed answer replaces the one before."""
    columns = _columns(home.spec)
    items = set(items_of(home))
    wrong: list[str] = []
    kept = {(one.item, one.rater, one.question): one for one in _elsewhere(home)}
    for one in read_answers(str(path)):
        if one.item not in items:
            wrong.append(f"{one.where}: there is no sample {one.item!r}")
        elif one.question not in columns:
            wrong.append(f"{one.where}: there is no question {one.question!r}; there are {', '.join(columns)}")
        else:
            question, show = columns[one.question]
            try:
                value = read_text(question, one.value)
            except Unfit as error:
                wrong.append(f"{one.where}: {error}")
                continue
            rater = home.pseudonym(one.rater)
            made = replace(
                one, rater=rater, where=path.name, given=value, value=plain(value), number=number_of(value), shown=show
            )
            kept[made.item, made.rater, made.question] = made
    if wrong:
        more = f"\n  and {len(wrong) - _MOST_LISTED} more" if len(wrong) > _MOST_LISTED else ""
        raise SourceTableError(
            f"{len(wrong)} answers do not fit:\n  " + "\n  ".join(wrong[:_MOST_LISTED]) + more,
            do="nothing was taken in; mend the table and import it again",
        )
    rows = [{**row_of(kept[key]), "where": kept[key].where} for key in sorted(kept)]
    home.store.write(f"{home.folder}/{_ELSEWHERE}", _lines(rows))


def _columns(spec: QuestionSpec) -> dict[str, tuple[AnyQuestion, Show]]:
    """Published column to its question and view."""
    return {one.column(show): (one, show) for one in spec.questions for show in one.shows}


def _elsewhere(home: Home) -> list[Answer]:
    found = []
    data = home.store.read_or_none(f"{home.folder}/{_ELSEWHERE}") or b""
    for line in data.split(b"\n"):
        if line.strip():
            row = json.loads(line)
            value = value_of_json(json.dumps(row["given"]))
            found.append(
                Answer(
                    item=row["item"],
                    rater=row["rater"],
                    question=row["question"],
                    value=plain(value),
                    number=number_of(value),
                    where=row["where"],
                    given=value,
                    shown=row["shown"],
                )
            )
    return found


__all__ = ["PullReport", "import_file", "naming", "pull_recipe", "read_all", "write_tables"]
