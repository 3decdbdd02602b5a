"""Features for training: the pickle that MMSA reads, and CMU-MultimodalSDK's computational sequences (`.csd`).

MMSA's format is described at https://github.com/thuiar/MMSA (data/README); `.csd` is HDF5 with intervals and features,
https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK. Both have no way to say that a value was not measured: it is 0
in the pickle, as padding is, and NaN in a computational sequence.
"""

import hashlib
import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.exporting.published import MEDIA, Exported, Published, Row
from schemas.errors import MissingPart, UsageError

_PARTS = {"train": "train", "validation": "valid", "test": "test"}
_TEXT_WIDTH = 300
"""As wide as the word vectors that MMSA's own files hold."""
_TOKENS = 50
_NUMBERS = ("float", "double", "int32", "int64")
Matrix = npt.NDArray[np.float32]


def mmsa(
    data: Published, out: Path, *, label: str | None = None, aligned: bool = False, tokenizer: str | None = None
) -> Exported:
    """`features.pkl`: `train`, `valid` and `test`, each with `text`, `audio`, `vision` float32 (N, T, D) and labels.

    Args:
        data: with the splits train, validation and test.
        out: a folder that is there.
        label: a numeric question, for `regression_labels`; by default the only one there is.
        aligned: a vector for each word in all three, as `align: {to: word}` made them; else each measurement at its
            own times, with `audio_lengths` and `vision_lengths`.
        tokenizer: a BERT tokenizer's folder or name, for `text_bert` (N, 3, 50): ids, mask, segments.

    `audio` is the prosody, `vision` the face. `text` has for each word a hash of its letters, three by three (after
    Bojanowski et al., 2017, without what training would add): it tells words apart, and knows no meaning.

    Raises UsageError where a split, the label or a measurement is missing.
    """
    label = _numeric(data, label)
    missing = [name for name in ("prosody", "face", *(["aligned"] if aligned else [])) if name not in data.columns]
    missing += [f"split {name}" for name in _PARTS if name not in data.splits]
    if missing:
        raise UsageError(
            f"{data.folder} lacks {', '.join(missing)}, which MMSA needs",
            do="measure prosody and faces, `align: {to: word}` for aligned features, and have samples in three splits",
        )
    words_of = _tokens(tokenizer) if tokenizer else None
    done = Exported(files=1, why="no label, or no words")
    told = {_PARTS[split]: _part(data, split, label, done, aligned=aligned) for split in _PARTS}
    for split, part in told.items():
        if not part["id"]:
            raise UsageError(f"no sample of {split} has both words and an answer to {label}", do="label more samples")
    for name in ("text", "audio", "vision"):
        shapes = [matrix.shape for part in told.values() for matrix in part[name]]
        largest = (max(length for length, _ in shapes), max(width for _, width in shapes))
        for part in told.values():
            part[name] = np.stack([_padded(matrix, largest) for matrix in part[name]])
    for part in told.values():
        for name in ("raw_text", "annotations", "regression_labels", "classification_labels"):
            part[name] = np.array(part[name])
        if words_of:
            part["text_bert"] = np.stack([words_of(text) for text in part["raw_text"]])
    with (out / "features.pkl").open("wb") as file:
        pickle.dump(told, file, protocol=4)
    return done


def _numeric(data: Published, label: str | None) -> str:
    numeric = [name for name in data.labels if name not in data.classes and data.kind(name) in _NUMBERS]
    if label is None and len(numeric) == 1:
        return numeric[0]
    if label not in numeric:
        raise UsageError(
            f"{label} is no numeric question of {data.folder}" if label else "which label is to be learnt?",
            do=f"--label one of: {', '.join(numeric)}" if numeric else "MMSA needs a question answered with numbers",
        )
    return label


def _part(data: Published, split: str, label: str, done: Exported, *, aligned: bool) -> dict[str, Any]:
    names = ("id", "raw_text", "text", "audio", "vision", "regression_labels", "classification_labels", "annotations")
    part: dict[str, Any] = {name: [] for name in names}
    if not aligned:
        part |= {"audio_lengths": [], "vision_lengths": []}
    for row in data.rows(split, without=MEDIA):
        words = row.get("words") or []
        if row[label] is None or not words:
            done.left_out += 1
            continue
        done.samples += 1
        audio, vision = (_matrix(row, name, aligned=aligned) for name in ("prosody", "face"))
        if not aligned:
            part["audio_lengths"].append(len(audio))
            part["vision_lengths"].append(len(vision))
        value = float(row[label])
        part["id"].append(row["id"])
        part["raw_text"].append(row["text"])
        part["text"].append(np.stack([hashed(word["text"]) for word in words]))
        part["audio"].append(audio)
        part["vision"].append(vision)
        part["regression_labels"].append(np.float32(value))
        part["classification_labels"].append(int(np.sign(value)) + 1)
        part["annotations"].append(("Negative", "Neutral", "Positive")[int(np.sign(value)) + 1])
    return part


def _matrix(row: Row, name: str, *, aligned: bool) -> Matrix:
    """Rows of time, one at least; what was not measured is 0."""
    track: Row = ((row["aligned"] or {}).get(name) if aligned else row[name]) or {}
    columns = [column for column in track if column != "times"]
    length = len(track[columns[0]]) if columns else 0
    if not length:
        return np.zeros((1, 1), np.float32)
    matrix = np.array([track[column] for column in columns], dtype=np.float32).T
    return np.nan_to_num(matrix, nan=0.0)


def _padded(matrix: Matrix, shape: tuple[int, int]) -> Matrix:
    padded = np.zeros(shape, np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded


def hashed(word: str, width: int = _TEXT_WIDTH) -> Matrix:
    """A unit vector (width,) of a word's letters, three by three."""
    vector = np.zeros(width, np.float32)
    framed = f"<{word.strip().lower()}>"
    for at in range(len(framed) - 2):
        digest = hashlib.blake2b(framed[at : at + 3].encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "big") % width] += 1 if digest[4] & 1 else -1
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _tokens(tokenizer: str) -> Callable[[str], Matrix]:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingPart("a tokenizer needs the package transformers", do="pip install 'affectloom[clip]'") from error
    try:
        made = AutoTokenizer.from_pretrained(tokenizer)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no tokenizer at {tokenizer}: {error}", do="give a folder or a hub name, such as bert-base-uncased"
        ) from error

    def words_of(text: str) -> Matrix:
        coded = made(str(text), padding="max_length", truncation=True, max_length=_TOKENS)
        segments = coded.get("token_type_ids") or [0] * _TOKENS
        return np.array([coded["input_ids"], coded["attention_mask"], segments], dtype=np.float32)

    return words_of


def csd(data: Published, out: Path) -> Exported:
    """`NAME.csd` for each measurement, the words, and each question: intervals (N, 2) in seconds, features (N, D).

    Entries are recordings. A frame's interval ends where the next begins, at most twice the usual step after it.
    Words are bytes (N, 1), as the SDK's own. Questions answered with numbers or categories are there, a category as its
    place in `dimension names`.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingPart("computational sequences need the package h5py", do="pip install h5py") from error
    done = Exported(why="no place on a clock (a picture, a text)")
    done.left_out = sum(1 for _ in data.rows(without=[name for name in data.columns if name != "id"]))
    names = [*data.measured, *(["words"] if "words" in data.columns else [])]
    names += [name for name in data.labels if name in data.classes or data.kind(name) in _NUMBERS]
    for name in names:
        kept = {"id", "recording", "index", "start", "end", name}
        path, samples = out / f"{name}.csd", 0
        with h5py.File(path, "w", track_order=False) as file:
            root = file.create_group(name)
            entries = root.create_group("data")
            dimensions: list[str] = []
            for recording, rows in data.recordings(without=[one for one in data.columns if one not in kept]):
                samples += len(rows)
                intervals, features, found = _sequence(data, name, rows)
                dimensions = dimensions or found
                if len(intervals):
                    entry = entries.create_group(recording)
                    entry.create_dataset("intervals", data=intervals, track_times=False)
                    entry.create_dataset("features", data=features, track_times=False)
            _describe(h5py, root, name, data, dimensions)
        done.files += 1
        done.samples = max(done.samples, samples)
    done.left_out -= done.samples
    return done


def _sequence(data: Published, name: str, rows: Sequence[Row]) -> tuple[Any, Any, list[str]]:
    if name == "words":
        words = sorted({(word["start"], word["end"], word["text"]) for row in rows for word in row["words"] or []})
        texts = np.array([[text.encode()] for *_, text in words] or np.zeros((0, 1)), dtype="S")
        return np.array([word[:2] for word in words], dtype=np.float64).reshape(-1, 2), texts, ["word"]
    if name in data.labels:
        some = [(row["start"], row["end"], _number(data, name, row[name])) for row in rows if row[name] is not None]
        found = np.array(some, dtype=np.float64).reshape(-1, 3)
        return found[:, :2], found[:, 2:].astype(np.float32), data.classes.get(name) or [name]
    return _track(name, rows)


def _number(data: Published, name: str, value: Any) -> float:
    return float(data.classes[name].index(value) if name in data.classes else value)


def _track(name: str, rows: Sequence[Row]) -> tuple[Any, Any, list[str]]:
    times: dict[float, list[float | None]] = {}
    columns: list[str] = []
    for row in rows:
        track = row[name]
        if not track or not track["times"]:
            continue
        if "embedding" in track:
            vectors = track["embedding"]
            width = next((len(vector) for vector in vectors if vector is not None), 0)
            columns = columns or [f"{name}_{place}" for place in range(width)]
            vectors = [vector if vector is not None else [None] * width for vector in vectors]
        else:
            columns = columns or [column for column in track if column != "times"]
            vectors = list(zip(*(track[column] for column in columns), strict=True))
        times.update(zip(track["times"], map(list, vectors), strict=True))
    ordered = sorted(times)
    starts = np.array(ordered, dtype=np.float64)
    features = np.array([times[at] for at in ordered], dtype=np.float32).reshape(len(ordered), len(columns))
    return np.stack([starts, _ends(starts)], axis=1), features, columns


def _ends(starts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where each frame's time is over."""
    if len(starts) < 2:  # noqa: PLR2004 - no step to go by
        return starts
    steps = np.diff(starts)
    usual = float(np.median(steps))
    ends: npt.NDArray[np.float64] = starts + np.append(np.minimum(steps, 2 * usual), usual)
    return ends


def _describe(h5py: Any, root: Any, name: str, data: Published, dimensions: Sequence[str]) -> None:
    """Each a text, as the SDK writes them; those it asks for that nobody knows here are empty."""
    told = {
        "root name": name,
        "computational sequence description": f"{name} of {data.folder.name}",
        "computational sequence version": "1",
        "alignment compatible": "True",
        "dataset name": data.folder.name,
        "dataset version": "1",
        "creator": "affectloom",
        "contact": "",
        "featureset bib citation": "",
        "dataset bib citation": "",
        "dimension names": json.dumps(list(dimensions), ensure_ascii=False),
        "md5": "",
    }
    group = root.create_group("metadata")
    for key, value in told.items():
        group.create_dataset(key, data=[value], dtype=h5py.string_dtype(), track_times=False)
