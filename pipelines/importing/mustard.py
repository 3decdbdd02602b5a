"""MUStARD's table (Castro et al. 2019, https://aclanthology.org/P19-1455): utterances, and what led to each."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.importing.corpus import Corpus, Label, choice
from pipelines.store import is_id
from schemas.errors import SourceTableError

_TEST_SHOW = "FRIENDS"
"""Held out in the speaker-independent setting of the paper, section 5."""
_TEXTS = ("utterance", "speaker", "show")
_LISTS = ("context", "context_speakers")


def mustard(files: Sequence[Path], media: Path | None) -> Corpus:
    """The corpus of `sarcasm_data.json`, split as in the paper's speaker-independent setting.

    An utterance is the last turn of a dialogue of its own; what led to it are the turns before it: the sentences as
    texts, or one clip with all of them. `part` says which is which. media: the folder with `utterances_final` and
    `context_final`.

    Raises SourceTableError.
    """
    sources: list[Mapping[str, str | int]] = []
    labels: list[Label] = []
    for path in files:
        for name, item in _items(path).items():
            where = f"{path}: {name}"
            _check(name, item, where)
            shared = {
                "dialogue": name,
                "language": "en",
                "show": item["show"],
                "split": "test" if item["show"] == _TEST_SHOW else "train",
            }
            said = list(zip(item["context"], item["context_speakers"], strict=True))
            if media is not None and said:
                clip = str(media / "context_final" / f"{name}_c.mp4")
                text = "\n".join(f"{speaker}: {sentence}" for sentence, speaker in said)
                sources.append({"id": f"{name}_c", "path": clip, "text": text, "part": "context", "turn": 0, **shared})
            for turn, (sentence, speaker) in enumerate(said if media is None else ()):
                row = {"id": f"{name}_c{turn}", "text": sentence, "speaker": speaker, "part": "context", "turn": turn}
                sources.append({**row, **shared})
            row = {"id": name, "text": item["utterance"], "speaker": item["speaker"], "part": "utterance"}
            if media is not None:
                row["path"] = str(media / "utterances_final" / f"{name}.mp4")
            sources.append({**row, "turn": len(said), **shared})
            labels.append(Label(name, "sarcasm", "yes" if item["sarcasm"] else "no", "mustard"))
    questions = (choice("sarcasm", ("no", "yes"), "Does the speaker mean it sarcastically?"),)
    return Corpus("mustard", tuple(sources), tuple(labels), questions, context=5)


def _items(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
        json.dumps(found, ensure_ascii=False).encode()  # no half characters
    except (ValueError, RecursionError) as error:
        raise SourceTableError(f"{path}: not valid JSON: {error}", do="name MUStARD's sarcasm_data.json") from error
    if not isinstance(found, dict):
        raise SourceTableError(f"{path}: an object of items by id is expected", do="name MUStARD's sarcasm_data.json")
    return found


def _check(name: str, item: Any, where: str) -> None:
    """Raise SourceTableError where an item is not one of MUStARD's."""
    if not is_id(name):
        raise SourceTableError(f"{where}: cannot be an id")
    fits = (
        isinstance(item, dict)
        and all(isinstance(item.get(key), str) and item[key].strip() for key in _TEXTS)
        and all(isinstance(item.get(key), list) and all(isinstance(one, str) for one in item[key]) for key in _LISTS)
        and isinstance(item.get("sarcasm"), bool)
    )
    if not fits:
        raise SourceTableError(
            f"{where}: needs {', '.join((*_TEXTS, *_LISTS, 'sarcasm'))}", do="name MUStARD's sarcasm_data.json"
        )
    if len(item["context"]) != len(item["context_speakers"]):
        raise SourceTableError(f"{where}: {len(item['context'])} sentences, {len(item['context_speakers'])} speakers")
