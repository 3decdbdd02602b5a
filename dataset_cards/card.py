"""The card of a dataset: `README.md` with the YAML head that `datasets` and the hub read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from dataset_cards.agreement import HEAD, READING, agreement_rows
from dataset_cards.audit import audit_section
from dataset_cards.columns import column_table
from schemas import errors
from schemas.answer import Question
from schemas.features import card_features
from schemas.publication import About, Contents, Publication

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MOST_LISTED = 20


def card(about: About, contents: Contents, how: Publication) -> str:
    """The whole card. Computed from its arguments alone: the same dataset has the same card."""
    template = Template((Path(__file__).parent / "card.md").read_text(encoding="utf-8"))
    body = template.substitute(
        name=_line(about.name),
        description=about.description.strip() or "Recordings of people, segmented, measured and aligned.",
        version=_line(about.version),
        program=_line(about.program),
        composition=_composition(contents),
        forms=_forms(contents),
        splits=_splits(contents, how),
        columns=column_table(contents.features),
        steps=_steps(about),
        labels=_labels(contents.questions),
        limits=_limits(about, contents),
        audit=audit_section(contents.audit),
        terms=_terms(about, contents),
    )
    return f"---\n{_head(about, contents)}---\n\n{body}"


def _head(about: About, contents: Contents) -> str:
    import yaml

    info = {
        "features": card_features(contents.features),
        "splits": [
            {"name": split.name, "num_bytes": contents.unpacked[split.name], "num_examples": split.rows}
            for split in contents.splits
            if split.rows
        ],
        "download_size": contents.bytes,
        "dataset_size": sum(contents.unpacked.values()),
    }
    files = [{"split": split.name, "path": f"data/{split.name}-*.parquet"} for split in contents.splits if split.rows]
    head: dict[str, Any] = {"pretty_name": about.name, "license": _licence(about, contents)}
    if languages := sorted(name for name in contents.languages if _LANGUAGE.fullmatch(name)):
        head["language"] = languages
    kinds = [name for name in ("audio", "video", "image") if name in contents.features]
    head["tags"] = ["affective-computing", "emotion", "multimodal", "sentiment", "text", *kinds]
    head["size_categories"] = [next((name for bound, name in _SIZES if contents.rows < bound), "n>1M")]
    head["configs"] = [{"config_name": "default", "data_files": files}]
    head["dataset_info"] = info
    return str(yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=10_000))


def _licence(about: About, contents: Contents) -> str:
    if about.licence:
        return _line(about.licence).lower().replace(" ", "-")
    named = [name for name in contents.licences if name]
    if len(named) == 1 and len(contents.licences) == 1:
        return _line(named[0]).lower().replace(" ", "-")
    return "other" if named else "unknown"


def _composition(contents: Contents) -> str:
    facts = [
        ("recordings", f"{contents.recordings:,}"),
        ("samples (rows)", f"{contents.rows:,}"),
        ("summed length of samples", f"{contents.seconds / 3600:.2f} h ({contents.seconds:,.1f} s)"),
        ("speakers named", f"{contents.speakers:,}" if contents.speakers else "none"),
        ("languages (samples)", _counts(contents.languages) or "not known"),
        ("size of the shards", f"{contents.bytes / 1e6:,.1f} MB"),
    ]
    return _table(("", ""), facts)


def _forms(contents: Contents) -> str:
    lines = [f"Recordings by form: {_counts(contents.forms) or 'not known'}."]
    if contents.present:
        share = [(name, f"{count:,}", _share(count, contents.rows)) for name, count in contents.present.items()]
        lines += ["", "Samples that have each modality:", "", _table(("modality", "samples", "share"), share)]
    return "\n".join(lines)


def _splits(contents: Contents, how: Publication) -> str:
    rows = [
        (
            split.name,
            "given" if split.asked is None else f"{split.asked:.0%}",
            f"{split.rows:,}",
            _share(split.rows, contents.rows),
            f"{split.seconds:,.1f}",
            f"{split.groups:,}",
        )
        for split in contents.splits
    ]
    keys = " and ".join(f"`{key}`" for key in how.groups)
    joined = " (a recording that joins two groups makes one of them)" if len(how.groups) > 1 else ""
    rule = (
        f"Samples that share {keys} are on one side. A group's split follows from SHA-256 of the seed "
        f"(`{how.seed!r}`) and the group alone, so that adding recordings moves no other group{joined}."
    )
    if how.official is not None:
        rule = f"The sources name their split in the column `{how.official}`. A group is a recording."
    text = [_table(("split", "asked for", "samples", "share", "seconds", "groups"), rows), "", rule]
    if contents.ungrouped:
        text.append(f"Where a sample has no value there, its recording is its group (samples: {contents.ungrouped:,}).")
    return "\n".join(text)


def _steps(about: About) -> str:
    if not about.steps:
        return "Not recorded."
    rows = [
        (
            f"`{step.key}`",
            ", ".join(f"`{kind}`" for kind in step.makes),
            ", ".join(f"{name}={value}" for name, value in step.settings.items()),
            "<br>".join(f"{name}: `{digest}`" for name, digest in step.weights.items()),
            ", ".join(f"{name} {number}" for name, number in step.versions.items()),
        )
        for step in about.steps
    ]
    return _table(("step and version", "makes", "settings", "model files (SHA-256 or revision)", "run with"), rows)


def _labels(questions: Sequence[Question]) -> str:
    if not questions:
        return "There are no labels by people in this version."
    line = (
        "Raters are published under pseudonyms (HMAC-SHA256 of the name under a secret salt). "
        "For each question there are the aggregate, the votes (`_votes`, where there is something to count) and the "
        "single answers (`_answers`)."
    )
    text = [line]
    for question in questions:
        rule = question.rule or (
            "the mean; `_spread` is the sample standard deviation"
            if question.is_number
            else "the answer given most often; null where two were given equally often"
        )
        tied = f" Tied: {question.tied:,}." if question.tied else ""
        rows = [(name, f"{count:,}", _share(count, question.items)) for name, count in question.aggregates]
        line = (
            f"**`{question.name}`**: answers {question.answers:,}, raters {question.raters:,}, "
            f"samples {question.items:,}. The aggregate is {rule}.{tied}"
        )
        text += ["", line, *(["", _table(("aggregate", "samples", "share"), rows)] if rows else [])]
        text += ["", _table(HEAD, agreement_rows(question.agreement))] if question.agreement else []
    text += ["", READING] if any(question.agreement for question in questions) else []
    return "\n".join(text)


def _limits(about: About, contents: Contents) -> str:
    lines = []
    if _holds(contents.features, "_proxy"):
        lines.append(
            "Columns named `au.._proxy` are derived from a face model's blendshapes. They are not action units coded "
            "by trained FACS coders, and are not validated as such; the blendshapes stand beside them."
        )
    if _holds(contents.features, "interpolated"):
        lines.append("Words marked `interpolated` have times that were inferred from their neighbours, not measured.")
    lines.append(
        "Media, faces, voices and numbers measured from them can identify people. Do not try to find out who they are."
    )
    if about.failures:
        lines.append(_failed(about))
    if contents.problems:
        lines.append(f"Media that could not be cut from their recordings, and are null: {len(contents.problems):,}.")
    lines += contents.notes
    return "\n".join(f"- {line}" for line in lines)


def _failed(about: About) -> str:
    """Which recordings failed, by step and reason. Messages are left out: they may hold paths of the machine."""
    reasons: dict[tuple[str, str], set[str]] = {}
    for failure in about.failures:
        reasons.setdefault((failure.step, _reason(failure.error)), set()).add(failure.recording)
    count = len({failure.recording for failure in about.failures})
    text = [f"Recordings that could not be worked on, wholly or in part: {count:,}."]
    for (step, reason), recordings in sorted(reasons.items()):
        listed = ", ".join(f"`{name}`" for name in sorted(recordings)[:_MOST_LISTED])
        more = f" and {len(recordings) - _MOST_LISTED:,} more" if len(recordings) > _MOST_LISTED else ""
        text.append(f"  - `{step}`, {len(recordings):,}: {reason} ({listed}{more})")
    return "\n".join(text)


def _reason(error: str) -> str:
    kind = getattr(errors, error, None)
    said = (kind.__doc__ or "") if isinstance(kind, type) and issubclass(kind, errors.AffectloomError) else ""
    first = said.strip().splitlines()[0].rstrip(".") if said.strip() else error
    return first[:1].lower() + first[1:] if said else error


def _terms(about: About, contents: Contents) -> str:
    rows = [(name or "not stated", f"{count:,}") for name, count in sorted(contents.licences.items())]
    own = _line(about.licence) if about.licence else "no licence of its own is stated"
    line = f"The dataset: {own}. The recordings, each of which keeps its own terms (columns `licence` and `consent`):"
    text = [line, "", _table(("licence", "recordings"), rows)]
    if any(contents.consents):
        rows = [(name or "not stated", f"{count:,}") for name, count in sorted(contents.consents.items())]
        text += ["", _table(("consent", "recordings"), rows[:_MOST_LISTED])]
    return "\n".join(text)


def _holds(features: Mapping[str, Any], part: str) -> bool:
    """Whether a field's name, at any depth, holds `part`."""
    return any(part in name or (isinstance(inner, Mapping) and _holds(inner, part)) for name, inner in features.items())


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_line(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _line(text: str) -> str:
    return " ".join(text.split())
