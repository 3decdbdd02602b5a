"""What is in a dataset, counted, for its card and for the publisher."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from pipelines.publishing.labels import Labels
from pipelines.publishing.survey import Survey
from pipelines.publishing.unit_rows import Made
from schemas.features import Features
from schemas.publication import Contents, Publication, SplitShare
from schemas.tally import Tally

_LOPSIDED = 0.5
_US = 1_000_000


def contents_of(seen: Survey, how: Publication, given: Labels, features: Features, made: Sequence[Made]) -> Contents:
    """Counts over all rows."""
    splits = _shares(seen, how)
    tallies = {name: Tally() for name in seen.splits}
    unpacked: dict[str, int] = dict.fromkeys(seen.splits, 0)
    for one in made:
        tallies[one.split].add(one.tally)
        unpacked[one.split] += one.unpacked
    tally = seen.tally
    return Contents(
        features=features,
        recordings=seen.recordings,
        forms=tally.forms,
        origins=tally.origins,
        rows=sum(seen.rows.values()),
        seconds=sum(seen.microseconds.values()) / _US,
        languages=tally.languages,
        speakers=len(tally.speakers),
        tallies=tallies,
        present={name: sum(one.present[name] for one in tallies.values()) for name in features.get("present", {})},
        licences=tally.licences,
        consents=tally.consents,
        learnt=tuple((*which, count) for which, count in sorted(tally.learnt.items())),
        splits=splits,
        unpacked=unpacked,
        bytes=sum(file.bytes for one in made for file in one.files),
        ungrouped=seen.ungrouped,
        questions=given.questions,
        problems=tuple(problem for one in made for problem in one.problems),
        notes=tuple(_notes(seen, splits, given)),
    )


def _shares(seen: Survey, how: Publication) -> tuple[SplitShare, ...]:
    return tuple(
        SplitShare(
            name=name,
            asked=how.splits[name] if isinstance(how.splits, dict) else None,
            rows=seen.rows[name],
            groups=seen.groups_in[name],
            seconds=seen.microseconds[name] / _US,
        )
        for name in seen.splits
    )


def _notes(seen: Survey, splits: Iterable[SplitShare], given: Labels) -> Iterator[str]:
    sizes = seen.groups
    rows = sum(sizes.values())
    for split in splits:
        if not split.rows:
            yield (
                f"The split `{split.name}` is empty and left out: none of the {len(sizes)} groups fell into it. "
                "More groups, or another grouping, fill it."
            )
    largest, size = min(sizes.items(), key=lambda one: (-one[1], one[0]))
    if len(sizes) > 1 and size > _LOPSIDED * rows:
        yield f"One group ({json.loads(largest)[1]}) holds {size / rows:.0%} of the samples."
    for question in given.questions:
        if question.tied:
            yield f"`{question.name}`: samples that are tied, and have no aggregate: {question.tied}."
        if question.strays:
            words = f"{len(question.strays)} of {question.answers} answers are not numbers"
            where = PurePath(question.strays[0]).name
            yield f"`{question.name}` is published as classes: {words}, the first in {where}."
    if given.left_out:
        yield f"Items whose recordings could not be worked on, and whose answers are left out: {len(given.left_out)}."
