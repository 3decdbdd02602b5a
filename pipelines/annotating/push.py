"""`affectloom annotate push`: from a build to Label Studio's projects and tasks."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from annotation import prelabel
from annotation.assign import Assigned
from annotation.controls import Media as Kind
from annotation.interface import OWN_TASKS, instruction, interface
from annotation.label_studio import LabelStudio
from annotation.media_server import DEFAULT_URL
from annotation.prelabel import Asking, Prelabeller
from annotation.push import Project, Pushed, push
from annotation.tabs import settle_tabs, with_votes
from pipelines.annotating.home import Home, Placed
from pipelines.annotating.shown import Dialogues, Shown, shown_samples
from pipelines.annotating.tasks import Suggestions, contested, prepare, tasks
from schemas.answer_value import Value, value_json, value_of_json
from schemas.errors import UsageError
from schemas.publication import MediaProblem
from schemas.question import Show

Progress = Callable[[str, int], None]


@dataclass
class PushReport:
    """What was pushed. problems: clips that could not be cut; their tasks are left out."""

    projects: list[tuple[Placed, Pushed]] = field(default_factory=list)
    problems: list[MediaProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def push_recipe(
    home: Home,
    server: LabelStudio,
    *,
    media_url: str = DEFAULT_URL,
    progress: Progress = lambda _what, _done: None,
    now: float | None = None,
) -> PushReport:
    """Push every sample to the projects of the recipe's questions, one for each view.

    Args:
        home: the recipe and its store.
        server: where to.
        media_url: address of `affectloom annotate serve`, as the raters' browsers reach it. A store on S3 or Google
            Cloud Storage gives pre-signed links instead.
        progress: called with a word for what is counted, and the count.
        now: seconds since 1970, for the expiry of links.

    Raises:
        UsageError: no questions, no samples, a refused token.
        ServerAway: the server stays away; the same push goes on where it stopped.
    """
    server.whoami()  # a wrong token is told before an hour of cutting
    report = PushReport()
    at = time.time() if now is None else now
    ready = prepare(home, media_url, at, report.problems, lambda done: progress("samples", done))
    suggestions = _suggestions(home, ready.dialogues, report)
    assigned = {one.key: one for one in home.assigned()}
    placed: list[Placed] = []
    for show, kind in _views(home, ready.dialogues):
        wanted = {Placed(0, show, kind): tasks(home, ready, Placed(0, show, kind), assigned, suggestions)}
        experts = Placed(0, show, kind, expert=True)
        if any(True for _ in contested(home, ready, experts)):
            wanted[experts] = contested(home, ready, experts)
        for where, made in wanted.items():
            label = f"tasks ({_name(where)})"
            pushed = push(
                server,
                _project(home, where),
                made,
                progress=lambda done, label=label: progress(label, done),  # type: ignore[misc]  # bound now
            )
            placed.append(replace(where, number=pushed.project))
            report.projects.append((placed[-1], pushed))
            _remember(home, server, placed)
    if assigned:
        _tabs(home, server, placed, list(assigned.values()), report)
    return report


def _remember(home: Home, server: LabelStudio, placed: Sequence[Placed]) -> None:
    """After each project, so that a push that stops leaves known what it did."""
    before, known = home.projects()
    numbers = {one.number for one in placed}
    others = [one for one in known if one.number not in numbers] if before == server.url else []
    home.keep_projects(server.url, [*others, *placed])


def _tabs(
    home: Home, server: LabelStudio, placed: Sequence[Placed], assigned: Sequence[Assigned], report: PushReport
) -> None:
    """A tab for each rater who has an account."""
    names = {home.pseudonym(email): email for email in server.users().values()}
    raters = sorted({rater for one in assigned for rater in one.raters})
    for one in placed:
        if not one.expert:
            settle_tabs(server, one.number, {rater: names[rater] for rater in raters if rater in names})
    report.notes += [
        f"{rater} has no account on {server.url} yet: push again when they have, and their tab is made"
        for rater in raters
        if rater not in names
    ]


def _name(where: Placed) -> str:
    name = f"{where.show}, {where.media}" if where.show == "all" else where.show
    return f"{name}, experts" if where.expert else name


def _project(home: Home, where: Placed) -> Project:
    spec = home.spec
    config = interface(spec, where.show, where.media, context=home.how.context > 0)
    step = f"{spec.views.index(where.show) + 1} {where.show}" if len(spec.views) > 1 else ""
    kind = where.media if where.show == "all" and where.media != "video" else ""
    title = " · ".join(part for part in (spec.title or home.name, step, kind, "contested" * where.expert) if part)
    own = bool(home.assigned()) and not where.expert
    return Project(
        key="/".join(part for part in (home.name, where.show, where.media, "expert" * where.expert) if part),
        title=title,
        config=with_votes(config) if where.expert else config,
        instruction=instruction(spec, where.show, assigned=own),
        hint=OWN_TASKS if own else "",
        raters=1 if where.expert else _most_raters(home),
    )


def _most_raters(home: Home) -> int:
    """How many may answer a task before Label Studio's queue takes it away."""
    return max((len(one.raters) for one in home.assigned()), default=home.how.raters)


def _views(home: Home, dialogues: Dialogues) -> Iterator[tuple[Show, Kind]]:
    """Each view, and for the view of everything each kind of samples there is: it has a screen of its own."""
    kinds = sorted({one.kind for one in dialogues.asked if one.has("all")}, key=("video", "audio", "none").index)
    if not kinds:
        raise UsageError("there is nothing to ask about: no recording has a sample", do="`affectloom build` first")
    for show in home.spec.views:
        for kind in kinds if show == "all" else kinds[:1]:
            yield show, kind


def _suggestions(home: Home, dialogues: Dialogues, report: PushReport) -> Suggestions:
    """What the recipe's model says of each sample. Asked once: what is known is kept in the store."""
    how = home.how.prelabel
    if how is None:
        return {}
    path = f"{home.folder}/prelabels.jsonl"
    known: dict[str, dict[str, dict[str, Value]]] = defaultdict(lambda: defaultdict(dict))
    lines = [line for line in (home.store.read_or_none(path) or b"").split(b"\n") if line.strip()]
    for line in lines:
        row = json.loads(line)
        known[row["item"]][row["model"]][row["question"]] = value_of_json(json.dumps(row["given"]))
    model = _prelabeller(home)
    asked = [
        Asking(one.id, one.text, one.speaker, [said["text"] for said in dialogues.before(one, home.how.context)])
        for one in dialogues.asked
        # A file may have changed, and costs nothing; a model is asked once.
        if how.file is not None or model.model not in known.get(one.id, {})
    ]
    fresh: list[bytes] = []
    for said in model(asked, home.spec):
        if known[said.item][said.model].get(said.question) != said.value:
            known[said.item][said.model][said.question] = said.value
            row = {"item": said.item, "question": said.question, "model": said.model}
            fresh.append(json.dumps({**row, "given": json.loads(value_json(said.value))}, ensure_ascii=False).encode())
    if fresh:
        home.store.write(path, b"\n".join([*lines, *fresh]) + b"\n")
    refused: Sequence[str] = getattr(model, "refused", ())
    report.notes += [f"prelabel: {one}" for one in refused]
    return known


def _prelabeller(home: Home) -> Prelabeller:
    how = home.how.prelabel
    if how is None:
        raise AssertionError("asked for only where there is one")
    if how.file is not None:
        return prelabel.FromFile(str(home.loaded.folder / how.file), how.model)
    if how.url is not None:
        from annotation.prelabel_chat import FromChat

        return FromChat(how.url, how.model)
    return prelabel.named(str(how.python))


def samples_of(home: Home) -> list[Shown]:
    """All samples that something can be asked about, in the order of the sources."""
    asked = (recording for recording in home.recordings() if home.asks_about(recording.source))
    return [one for recording in asked for one in shown_samples(recording) if one.has("all")]


def items_of(home: Home) -> list[str]:
    """Their ids."""
    return [one.id for one in samples_of(home)]
