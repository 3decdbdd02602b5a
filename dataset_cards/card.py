"""The card of a dataset: `README.md` with the YAML head that `datasets` and the hub read."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from dataset_cards import balance
from dataset_cards.asked import asked_section
from dataset_cards.audit import audit_section
from dataset_cards.columns import column_table
from dataset_cards.configurations import configuration_table
from dataset_cards.facts import citation, draft_notice, motivation, stated
from dataset_cards.head import head
from dataset_cards.labels import labels
from dataset_cards.limits import limits
from dataset_cards.markdown import counts, line, share, table
from dataset_cards.privacy import privacy
from schemas.card import CardFacts
from schemas.publication import About, Contents, Publication
from schemas.question import QuestionSpec

_MOST_LISTED = 20
_BLANKS = re.compile(r"\n{3,}")
_NO_FIGURES: dict[str, str] = {}


def card(
    about: About,
    contents: Contents,
    how: Publication,
    *,
    spec: QuestionSpec | None = None,
    figures: Mapping[str, str] = _NO_FIGURES,
) -> str:
    """The whole card. Computed from its arguments alone: the same dataset has the same card.

    spec: the questions that people were asked. figures: path of a picture, such as `figures/labels.svg`, to what it
    shows in words.
    """
    facts = about.card or CardFacts()
    found = balance.whole(contents.tallies)
    template = Template((Path(__file__).parent / "card.md").read_text(encoding="utf-8"))
    shown = {Path(path).stem: f"![{line(told)}]({path})\n\n" for path, told in figures.items()}
    body = template.substitute(
        name=line(about.name),
        draft=draft_notice(contents.lacking),
        description=about.description.strip() or "Recordings of people, segmented, measured and aligned.",
        version=line(about.version),
        program=line(about.program),
        motivation=motivation(about),
        composition=_composition(contents),
        forms=_forms(contents),
        durations=shown.get("durations", "") + balance.durations(found),
        languages=shown.get("balance", "") + balance.languages(found),
        speakers=balance.speakers(found),
        splits=_splits(contents, how),
        labels_by_split=balance.labels_by_split(contents),
        columns=column_table(contents.features),
        collection=stated(facts.collection),
        origins=f"Recordings by origin: {counts(contents.origins)}." if contents.origins else "",
        consent=facts.consent or "as each recording states it (column `consent`)",
        labels=shown.get("labels", "") + shown.get("agreement", "") + labels(contents.questions, facts),
        asked=asked_section(spec if contents.questions else None),
        steps=_steps(about),
        uses=stated(facts.uses),
        limits=limits(about, contents),
        audit=audit_section(contents.audit),
        privacy=privacy(about, contents, how),
        terms=_terms(about, contents),
        configurations=configuration_table(about, contents),
        maintenance=stated(facts.maintenance),
        contact=stated(facts.contact),
        citation=citation(about),
    )
    return f"---\n{head(about, contents)}---\n\n{_BLANKS.sub(chr(10) * 2, body)}"


def _composition(contents: Contents) -> str:
    facts = [
        ("recordings", f"{contents.recordings:,}"),
        ("samples (rows)", f"{contents.rows:,}"),
        ("summed length of samples", f"{contents.seconds / 3600:.2f} h ({contents.seconds:,.1f} s)"),
        ("speakers named", f"{contents.speakers:,}" if contents.speakers else "none"),
        ("languages (samples)", counts(contents.languages) or "not known"),
        ("size of the shards", f"{contents.bytes / 1e6:,.1f} MB"),
    ]
    return table(("what", "how much"), facts)


def _forms(contents: Contents) -> str:
    lines = [f"Recordings by form: {counts(contents.forms) or 'not known'}."]
    if contents.present:
        shares = [(name, f"{count:,}", share(count, contents.rows)) for name, count in contents.present.items()]
        lines += ["", "Samples that have each modality:", "", table(("modality", "samples", "share"), shares)]
    return "\n".join(lines)


def _splits(contents: Contents, how: Publication) -> str:
    rows = [
        (
            split.name,
            "given" if split.asked is None else f"{split.asked:.0%}",
            f"{split.rows:,}",
            share(split.rows, contents.rows),
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
    if how.stratify:
        strata = ", ".join(f"`{name}`" for name in how.stratify)
        rule = (
            f"Samples that share {keys} are on one side. Groups were dealt out so that each label of {strata} has its "
            "share in each split, as well as whole groups allow: iterative stratification (Sechidis et al. 2011), then "
            f"moves of single groups. `manifest.json` has what was dealt out; a later version moves none of it{joined}."
        )
    if how.official is not None:
        rule = f"The sources name their split in the column `{how.official}`. A group is a recording."
    text = [table(("split", "asked for", "samples", "share", "seconds", "groups"), rows), "", rule]
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
            ", ".join(f"{name} {number}" for name, number in step.versions.items()),
        )
        for step in about.steps
    ]
    text = table(("step and version", "makes", "settings", "run with"), rows)
    files = [(f"`{step.key}`", name, f"`{digest}`") for step in about.steps for name, digest in step.weights.items()]
    if files:
        text += "\n\n" + table(("step", "model file", "SHA-256 or revision"), files)
    return text


def _terms(about: About, contents: Contents) -> str:
    rows = [(name or "not stated", f"{count:,}") for name, count in sorted(contents.licences.items())]
    own = line(about.licence) if about.licence else "no licence of its own is stated"
    told = f"The dataset: {own}. The recordings, each of which keeps its own terms (columns `licence` and `consent`):"
    text = [told, "", table(("licence", "recordings"), rows)]
    if any(contents.consents):
        rows = [(name or "not stated", f"{count:,}") for name, count in sorted(contents.consents.items())]
        text += ["", table(("consent", "recordings"), rows[:_MOST_LISTED])]
    if contents.learnt:
        learnt = [(f"`{term}`", line(there), f"{count:,}") for term, there, count in contents.learnt]
        text += ["", table(("term", "learnt from", "recordings"), learnt[:_MOST_LISTED])]
    return "\n".join(text)
