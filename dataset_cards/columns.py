"""What each column of a published dataset means, and in which unit."""

from collections.abc import Mapping
from typing import Any

_MEANINGS = {
    "id": "the sample: its recording and its place in it",
    "recording": "the recording it was cut from",
    "index": "place among the recording's samples, from 0",
    "start": "where it starts in the recording, s",
    "end": "where it ends (not included), s",
    "text": "what was said or written",
    "words": "each word with its times (s), the recogniser's probability, and whether its times were interpolated",
    "language": "ISO 639 code of the language",
    "language_probability": "how sure the recogniser is of the language",
    "speaker": "who speaks, as the table of sources or the diarisation names them",
    "dialogue": "the conversation that the sample is part of",
    "turn": "place in the conversation, counted in turns",
    "context": "the samples before it",
    "utterance": "what the table of utterances calls it",
    "voices": "who speaks when (s), by voice alone: numbers and faces hold within one recording",
    "speaker_embedding": "the voice of each turn: times (s) and unit vectors",
    "ocr": "text on the screen: each line with its times (s), its box in shares of the picture's sides, how sure its "
    "reading is, and how many of the pictures looked at show it",
    "face_id": "which face of the recording speaks; ids hold within one recording",
    "face_chosen": "why that face: it speaks, or it is the largest",
    "face_score": "how well that face's mouth goes with the voice",
    "aligned": "each measurement brought to the intervals of the alignment; null where nothing was measured",
    "functionals": "statistics of the voice over the sample",
    "weight": "how much the sample counts where the recipe's columns are to be even; mean 1 in each split",
    "balanced": "whether it is in a selection in which they are even",
    "present": "whether the sample has each modality",
    "doubts": "why a reader should distrust the transcript here",
    "audio": "the sample's sound, 16 kHz mono FLAC",
    "video": "the sample's pictures and sound, MP4",
    "image": "the picture",
    "source": "where the recording comes from; for a local file its name alone",
    "licence": "licence of the recording",
    "consent": "consent of the people in it, as the table of sources states it",
    "sha256": "SHA-256 of the recording's bytes",
    "extra": "further columns of the table of sources, or of utterances",
}

_UNITS = {
    "_hz": "Hz",
    "_khz": "kHz",
    "_s": "s",
    "_ms": "ms",
    "_us": "µs",
    "_db": "dB",
    "_deg": "degrees",
    "_px": "pixels",
    "_per_s": "1/s",
    "_pct": "%",
}

_MOST_FIELDS = 24


def column_table(features: Mapping[str, Any]) -> str:
    """A Markdown table: name, type, meaning and fields with units."""
    lines = ["| column | type | meaning |", "| --- | --- | --- |"]
    for name, feature in features.items():
        meaning = "; ".join(part for part in (_meaning(name, features), _fields(feature)) if part)
        lines.append(f"| `{name}` | {type_name(feature)} | {meaning} |".replace("\n", " "))
    return "\n".join(lines)


def type_name(feature: Mapping[str, Any]) -> str:
    """A feature's type in a word or two."""
    kind = feature.get("_type")
    if not isinstance(kind, str):
        return "struct"
    if kind == "Value":
        return str(feature["dtype"])
    return f"list of {type_name(feature['feature'])}" if kind == "List" else kind


def unit(name: str) -> str:
    """The unit that a column's name ends in; empty where it names none."""
    matches = [ending for ending in _UNITS if name.endswith(ending)]
    return _UNITS[max(matches, key=len)] if matches else ""


def _meaning(name: str, features: Mapping[str, Any]) -> str:
    if name in _MEANINGS:
        return _MEANINGS[name]
    for ending, meaning in (("_votes", "how often each answer was given"), ("_answers", "the single answers")):
        if name.endswith(ending) and (ending == "_answers" or name.removesuffix(ending) in features):
            return meaning
    if name.endswith("_spread") and name.removesuffix("_spread") in features:
        return "sample standard deviation of the answers"
    if f"{name}_votes" in features:
        return "people's answers, aggregated"
    return "a measurement: times (s) and values" if type_name(features[name]) == "struct" else ""


def _fields(feature: Mapping[str, Any]) -> str:
    inner: Any = feature
    while inner.get("_type") == "List":
        inner = inner["feature"]
    if isinstance(inner.get("_type"), str):
        return ", ".join(inner["names"]) if inner["_type"] == "ClassLabel" else ""
    names = list(inner)
    shown = [f"`{name}`" + (f" ({unit(name)})" if unit(name) else "") for name in names[:_MOST_FIELDS]]
    more = f" and {len(names) - _MOST_FIELDS} more" if len(names) > _MOST_FIELDS else ""
    return "fields " + ", ".join(shown) + more
