"""`affectloom annotate assign`, `status`, `adjudicate`: who answers what, how far they are, what is in dispute."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from annotation.adjudicate import Contest, contested, with_raters
from annotation.agreement import Agreement
from annotation.answered import Answered
from annotation.asked_agreement import question_agreement
from annotation.assign import Assigned, assign, overlap
from annotation.ratings import Undefined
from annotation.spans import recognition_error
from pipelines.annotating.asked import asked, lengths_of
from pipelines.annotating.gold import gold_items
from pipelines.annotating.home import Home
from pipelines.annotating.pull import read_all
from pipelines.annotating.push import items_of, samples_of
from pipelines.annotating.shown import Shown
from schemas.errors import UsageError
from schemas.question import Text


@dataclass(frozen=True)
class Plan:
    """Who answers what. loads: rater to tasks; least, most: items that any two raters have in common."""

    raters: dict[str, str]
    """E-mail address to pseudonym: for the terminal, kept nowhere."""
    loads: dict[str, int]
    new: int
    kept: int
    least: int
    most: int


def assign_recipe(home: Home, raters: Sequence[str]) -> Plan:
    """Deal the recipe's samples out as its `annotate` block says. Samples that are dealt already stay where they are.

    raters: e-mail addresses, as they have on Label Studio.
    """
    if not raters:
        raise UsageError("nobody is named", do="name each rater: --rater ann@example.org --rater ben@example.org")
    names = {rater: home.pseudonym(rater) for rater in raters}
    how = home.how
    items = items_of(home)
    before = home.assigned()
    dealt = {one.item for one in before}
    fresh = [item for item in items if item not in dealt]
    gold = gold_items(home)
    if strange := sorted(gold - set(items)):
        raise UsageError(f"{how.gold}: there is no sample {strange[0]!r}", do="gold items are samples of the dataset")
    added: list[Assigned] = []
    if fresh:
        added = assign(
            fresh,
            list(names.values()),
            each=how.raters,
            shared=how.shared,
            gold=gold & set(fresh),
            repeats=how.repeats,
            seed=how.seed,
        )
    plan = [*before, *added]
    home.keep_assigned(plan)
    loads = Counter(rater for one in plan for rater in one.raters)
    met = list(overlap(plan).values())
    return Plan(names, dict(sorted(loads.items())), len(added), len(before), min(met, default=0), max(met, default=0))


@dataclass(frozen=True)
class RaterStatus:
    """One rater at one question. left: assigned and not answered; None where nobody is assigned to anything."""

    question: str
    rater: str
    done: int
    left: int | None
    skipped: int
    seconds: float | None
    """Median time from opening a task to submitting it."""


@dataclass
class Status:
    """How far people are. agreement: of each column, by the statistic that its question asks for."""

    items: int
    raters: list[RaterStatus] = field(default_factory=list)
    agreement: dict[str, Agreement] = field(default_factory=dict)
    recognised: dict[str, float] = field(default_factory=dict)
    """Of each question that has the text corrected: the word error rate of the text against what raters made of it."""
    problems: int = 0
    contested: int = 0
    beyond: int = 0
    """Answers by raters to items that were not assigned to them."""


def status_recipe(home: Home) -> Status:
    """How far people were at the last pull."""
    return status_of(home, read_all(home, home.ledger()), samples_of(home))


def status_of(home: Home, found: Answered, samples: Sequence[Shown]) -> Status:
    """The same of answers and samples that are read already."""
    people = [one for one in found.answers if one.counts]
    assigned = home.assigned()
    mine: dict[str, set[str]] = defaultdict(set)
    for one in assigned:
        for rater in one.raters:
            mine[rater].add(one.item)
    told = Status(items=len(samples), problems=len(found.problems))
    skipped = Counter(one.rater for one in found.unfinished if one.state == "skipped")
    for of in asked(home.spec, people, home.group):
        if of.question.agreement:
            lengths = lengths_of(of.question, samples)
            for part in of.parts:
                told.agreement[part.column] = question_agreement(part, lengths=lengths)[0]
        if isinstance(of.question, Text) and of.question.purpose == "transcript":
            heard = {one.id: one.text for one in samples}
            pairs = [(heard[one.item], one.value) for one in of.answers if heard.get(one.item)]
            if not isinstance(wrong := recognition_error(pairs), Undefined):
                told.recognised[of.column] = wrong
        for rater in sorted({one.rater for one in people} | set(mine)):
            answers = [one for one in of.answers if one.rater == rater]
            times = [one.lead_time_s for one in answers if one.lead_time_s is not None]
            left = len(mine[rater] - {one.item for one in answers}) if assigned else None
            seconds = round(median(times), 1) if times else None
            told.raters.append(RaterStatus(of.column, rater, len(answers), left, skipped[rater], seconds))
    told.contested = len(contested(people, home.spec, home.how.low, home.contests(), home.group))
    told.beyond = sum(one.rater in mine and one.item not in mine[one.rater] for one in people) if assigned else 0
    return told


def adjudicate_recipe(home: Home) -> tuple[list[Contest], list[Contest]]:
    """Send items in dispute to another round; `push` takes them there. The new ones, and those that nobody is left for.

    With `adjudicate: expert` they go to a project of their own, which shows the votes; with `another`, to a rater who
    has not answered them, who sees nothing of it.
    """
    found = read_all(home, home.ledger())
    before = home.contests()
    new = contested(found.answers, home.spec, home.how.low, before, home.group)
    left: list[Contest] = []
    if home.how.adjudicate == "another":
        raters = {rater for one in home.assigned() for rater in one.raters}
        raters |= {one.rater for one in found.answers if one.counts and one.source == "label-studio"}
        new, left = with_raters(new, raters)
    if new:
        home.keep_contests([*before, *new])
    return new, left
