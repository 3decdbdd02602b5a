"""MELD's tables (Poria et al. 2019, https://aclanthology.org/P19-1050): a row an utterance, a file a split."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.acquiring.table_file import records
from pipelines.importing.corpus import Corpus, Label, choice
from schemas.errors import SourceTableError, UsageError

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SENTIMENTS = ("negative", "neutral", "positive")
_FOLDERS = {
    "train": ("train_splits", "train"),
    "dev": ("dev_splits_complete", "dev"),
    "test": ("output_repeated_splits_test", "test"),
}
"""What the archives of clips unpack to."""
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
_KEPT = {"Season": "season", "Episode": "episode", "StartTime": "episode_start", "EndTime": "episode_end"}


def meld(files: Sequence[Path], media: Path | None) -> Corpus:
    """The corpus of some of `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`.

    Numbers of dialogues begin anew in each split: ids are `train_dia0_utt3`. media: the folder with the archives of
    clips, unpacked; without it the sources are texts.

    Raises SourceTableError or UsageError.
    """
    sources: list[Mapping[str, str | int]] = []
    labels: list[Label] = []
    for path in files:
        split = _split(path)
        folder = None if media is None else _folder(media, split)
        seen: dict[str, int] = {}
        for line, row in _rows(path):
            where = f"{path}:{line}"
            dialogue, turn = (_whole(row[name], name, where) for name in ("Dialogue_ID", "Utterance_ID"))
            clip = f"dia{dialogue}_utt{turn}"
            if clip in seen:
                raise SourceTableError(f"{where}: {clip} is there already, in line {seen[clip]}")
            seen[clip] = line
            name = f"{split}_{clip}"
            sources.append(
                {
                    "id": name,
                    **({} if folder is None else {"path": str(folder / f"{clip}.mp4")}),
                    "text": row["Utterance"],
                    "speaker": row["Speaker"].strip(),
                    "dialogue": f"{split}_dia{dialogue}",
                    "turn": turn,
                    "language": "en",
                    "split": split,
                    **{ours: row[theirs] for theirs, ours in _KEPT.items() if theirs in row},
                }
            )
            for question, known in (("emotion", EMOTIONS), ("sentiment", SENTIMENTS)):
                value = row[question.title()].strip().lower()
                if value not in known:
                    raise SourceTableError(
                        f"{where}: {question.title()}: found {value!r}, allowed: {', '.join(known)}",
                        do="is it MELD's table?",
                    )
                labels.append(Label(name, question, value, "meld"))
    questions = (
        choice("emotion", EMOTIONS, "Which emotion is expressed?"),
        choice("sentiment", SENTIMENTS, "Is it negative or positive?"),
    )
    return Corpus("meld", tuple(sources), tuple(labels), questions, context=5)


def _split(path: Path) -> str:
    found = [split for split in _FOLDERS if re.search(rf"(?<![a-z]){split}(?![a-z])", path.stem.lower())]
    if len(found) != 1:
        raise UsageError(
            f"{path}: its name does not say which split it is", do="call it as MELD does: train_sent_emo.csv"
        )
    return found[0]


def _folder(media: Path, split: str) -> Path:
    for name in _FOLDERS[split]:
        if (media / name).is_dir():
            return media / name
    raise UsageError(
        f"{media} holds no clips of {split}", do=f"unpack MELD's archive there: {' or '.join(_FOLDERS[split])}"
    )


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    def check(names: Sequence[str], where: Path) -> None:
        lacking = [name for name in _COLUMNS if name not in names]
        if lacking:
            raise SourceTableError(f"{where}: no column {lacking[0]!r}", do="name MELD's own table, *_sent_emo.csv")

    for line, values in records(path, check):
        row = {name: str(value) for name, value in values.items()}
        lacking = [name for name in _COLUMNS if name not in row]
        if lacking:
            raise SourceTableError(f"{path}:{line}: {lacking[0]} is empty")
        yield line, row


def _whole(text: str, column: str, where: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text.strip(), re.ASCII):
        raise SourceTableError(f"{where}: {column}: found {text!r}, expected a whole number")
    return int(text)
