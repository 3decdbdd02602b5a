"""What is asked: tasks of Label Studio, made of samples and their clips."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annotation import media_server
from annotation.adjudicate import Contest
from annotation.assign import Assigned
from annotation.controls import Media as Kind
from annotation.interface import data_keys, face_choices, utterance_choices
from annotation.push import Task
from annotation.suggestions import write_result
from pipelines.annotating.home import Home, Placed
from pipelines.annotating.shown import Clips, Dialogues, Shown, faces_of, rate_fps, shown_samples
from pipelines.publishing.looked import facts_of
from schemas.answer_value import Value
from schemas.publication import MediaProblem
from schemas.question import Region

_LINKED = ("audio", "video", "silent_video")
Suggestions = Mapping[str, Mapping[str, Mapping[str, Value]]]
"""Item to model to question to value."""


@dataclass
class Ready:
    """What tasks are made of. links: medium to sample to link."""

    dialogues: Dialogues
    links: dict[str, dict[str, str]]
    fps: dict[str, float]
    faces: dict[str, dict[int, str]]
    until: int


@dataclass(frozen=True)
class Links:
    """How clips are reached. media_url: of `affectloom annotate serve`; until: when links expire, from `now` on."""

    media_url: str
    now: float
    until: int


_KINDS: tuple[Kind, ...] = ("video", "audio", "none")


def prepare(
    home: Home, media_url: str, now: float, problems: list[MediaProblem], progress: Callable[[int], None]
) -> Ready:
    """Look at all samples, and cut their clips, a recording at a time. What cannot be cut is added to `problems`."""
    wanted: set[str] = set()
    for show in home.spec.views:
        for kind in _KINDS if show == "all" else _KINDS[:1]:
            wanted |= set(data_keys(home.spec, show, kind, context=home.how.context > 0))
    samples: list[Shown] = []
    context_alone: set[str] = set()
    days = home.how.link_days if home.store.is_local else min(home.how.link_days, media_server.SIGNED_DAYS)
    to = Links(media_url, now, media_server.expiry(now, days))
    ready = Ready(Dialogues(()), {medium: {} for medium in _LINKED}, {}, {}, to.until)
    with _folder_for_clips(home) as clips:
        for recording in home.recordings():
            mine = list(shown_samples(recording))
            samples += mine
            if not home.asks_about(recording.source):
                context_alone.add(recording.id)
                continue
            for medium in sorted(wanted & set(_LINKED)):
                fit = [one for one in mine if _cuttable(one, medium)]
                for one, name in zip(fit, clips.cut(recording, fit, medium), strict=True):
                    if name is not None:
                        ready.links[medium][one.id] = _link(home, clips.folder, name, to)
            if "fps" in wanted:
                ready.fps[recording.id] = rate_fps(facts_of(recording))
            if any(isinstance(question, Region) for question in home.spec.questions):
                ready.faces.update({one.id: faces_of(recording, one) for one in mine})
            progress(len(samples))
        problems += clips.problems
    ready.dialogues = Dialogues(samples, context_alone=frozenset(context_alone))
    return ready


def _cuttable(sample: Shown, medium: str) -> bool:
    return sample.kind == "video" if medium in ("video", "silent_video") else sample.kind != "none"


@contextmanager
def _folder_for_clips(home: Home) -> Iterator[Clips]:
    if home.store.is_local:
        yield Clips(Path(home.folder) / "media", [])
    else:
        with tempfile.TemporaryDirectory(prefix="affectloom-clips-") as folder:
            yield Clips(Path(folder), [])


def _link(home: Home, folder: Path, name: str, to: Links) -> str:
    if home.store.is_local:
        return media_server.link(to.media_url, name, home.media_secret, to.until)
    path = f"{home.folder}/media/{name}"
    if not home.store.fs.exists(path):
        home.store.fs.put_file(str(folder / name), path)
    return media_server.object_link(home.store.fs.unstrip_protocol(path), int(to.until - to.now))


def tasks(
    home: Home, ready: Ready, where: Placed, assigned: Mapping[str, Assigned], suggestions: Suggestions
) -> Iterator[Task]:
    """The tasks of one project: assigned ones in their order, then those that nobody was assigned to."""
    samples = {one.id: one for one in ready.dialogues.asked if _belongs(one, where)}
    listed = list(assigned.values())
    dealt = {one.item for one in listed}
    listed += [Assigned(one, one, ()) for one in samples if one not in dealt]
    contests = [one for one in home.contests() if one.show == where.show and one.raters]
    listed += [Assigned(one.key, one.item, one.raters, "round") for one in contests]
    for one in listed:
        if one.item in samples:
            task = _task(home, ready, where, samples[one.item], one)
            if task is not None:
                yield replace(task, predictions=_predictions(home, where, task, suggestions.get(one.item, {})))


def _belongs(sample: Shown, where: Placed) -> bool:
    return sample.has(where.show) and (where.show != "all" or sample.kind == where.media)


def contested(home: Home, ready: Ready, where: Placed) -> Iterator[Task]:
    """Tasks of the experts' project: items in dispute, with what was said of them."""
    samples = {one.id: one for one in ready.dialogues.asked if _belongs(one, where)}
    for contest in home.contests():
        if contest.show == where.show and not contest.raters and contest.item in samples:
            one = Assigned(contest.key, contest.item, (), "round")
            task = _task(home, ready, where, samples[contest.item], one)
            if task is not None:
                yield replace(task, data={**task.data, "votes": _votes(contest)})


def _votes(contest: Contest) -> str:
    return "\n".join(
        f"{question}: " + ", ".join(f"{value} ({count})" for value, count in votes.items())
        for question, votes in contest.votes.items()
    )


def _task(home: Home, ready: Ready, where: Placed, sample: Shown, one: Assigned) -> Task | None:
    """The task of a sample; None where a clip that it needs could not be cut."""
    keys = data_keys(home.spec, where.show, where.media, context=home.how.context > 0)
    needed = [key for key in keys if key in _LINKED]
    if any(sample.id not in ready.links[medium] for medium in needed):
        return None
    data: dict[str, Any] = {}
    if "text" in keys:
        data["text"] = sample.text
    if "context" in keys:
        # Label Studio's screen stays blank where the list is empty.
        data["context"] = ready.dialogues.before(sample, home.how.context) or [{"speaker": "", "text": "(nothing)"}]
    if "utterances" in keys:
        data["utterances"] = utterance_choices(ready.dialogues.utterances(sample))
    if "faces" in keys:
        data["faces"] = face_choices(ready.faces.get(sample.id, {}))
    if "fps" in keys:
        data["fps"] = ready.fps[sample.recording]
    if one.raters:
        data["raters"] = " ".join(one.raters)
    links = {medium: ready.links[medium][sample.id] for medium in needed}
    return Task(one.key, data, links, ready.until if links else 0)


def _predictions(
    home: Home, where: Placed, task: Task, suggested: Mapping[str, Mapping[str, Value]]
) -> tuple[dict[str, Any], ...]:
    """What models say, as far as raters may see it: `write_result` leaves blind questions out."""
    made = []
    for model, values in sorted(suggested.items()):
        result = write_result(home.spec, where.show, values, task.data, where.media)
        if result:
            made.append({"model_version": model, "result": result})
    return tuple(made)
