"""What a reader should know before trusting a dataset."""

from collections.abc import Mapping
from typing import Any

from schemas import errors
from schemas.publication import About, Contents

_MOST_LISTED = 20


def limits(about: About, contents: Contents) -> str:
    """Markdown: what people stated, what follows from the columns, and what the run could not do."""
    lines = [about.card.limits] if about.card and about.card.limits else []
    if _holds(contents.features, "_proxy"):
        lines.append(
            "Columns named `au.._proxy` are derived from a face model's blendshapes and landmarks. They are not action "
            "units coded by trained FACS coders, and are not validated as such; the blendshapes stand beside them."
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


def _holds(features: Mapping[str, Any], part: str) -> bool:
    """Whether a field's name, at any depth, holds `part`."""
    return any(part in name or (isinstance(inner, Mapping) and _holds(inner, part)) for name, inner in features.items())
