"""Samples with their media: WebDataset tars, Lhotse manifests, chat-style JSON lines."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import soundfile

from pipelines.exporting.published import MEDIA, Exported, Published, Row, file_name, label_text
from schemas.errors import UsageError

SHARD_MB = 256
_SHARD_ROWS = 10_000
_KINDS = {"audio": "flac", "video": "mp4", "image": "jpg"}


def webdataset(data: Published, out: Path) -> Exported:
    """`SPLIT-000000.tar`: for each sample its media, `txt` (its words) and `json` (all other columns).

    The key is a number: WebDataset cuts keys at the first point, and ids may have some. The id is in the `json`.
    """
    done = Exported()
    for split in data.splits:
        rows = data.rows(split)
        for number, some in enumerate(_portions(rows)):
            path = out / f"{split}-{number:06}.tar"
            with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
                for row in some:
                    key = f"{done.samples:09}"
                    for ending, content in _parts(row):
                        _add(tar, f"{key}.{ending}", content)
                    done.samples += 1
            done.files += 1
    return done


def _portions(rows: Iterator[Row]) -> Iterator[Iterator[Row]]:
    """Runs of rows of at most SHARD_MB of media. Each is used up before the next is asked for."""
    first = next(rows, None)
    while first is not None:
        after: list[Row] = []

        def some(row: Row | None, after: list[Row] = after) -> Iterator[Row]:
            size = count = 0
            while row is not None:
                size += sum(len((row.get(kind) or {}).get("bytes") or b"") for kind in MEDIA)
                count += 1
                if count > 1 and (size > SHARD_MB * 2**20 or count > _SHARD_ROWS):
                    after.append(row)
                    return
                yield row
                row = next(rows, None)

        yield some(first)
        first = after[0] if after else None


def _parts(row: Row) -> Iterator[tuple[str, bytes]]:
    for kind in MEDIA:
        content = (row.get(kind) or {}).get("bytes")
        if content:
            yield _ending(row, kind), content
    if row["text"] is not None:
        yield "txt", row["text"].encode()
    others = {name: value for name, value in row.items() if name not in MEDIA}
    yield "json", json.dumps(others, ensure_ascii=False).encode()


def _ending(row: Row, kind: str) -> str:
    named = Path(row[kind].get("path") or "").suffix.lstrip(".").lower()
    return named or _KINDS[kind]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def lhotse(data: Published, out: Path) -> Exported:
    """`SPLIT_recordings.jsonl.gz`, `SPLIT_supervisions.jsonl.gz` with the words' times, and the clips in `audio/`.

    Each sample with sound is a recording of its own, whose clock starts with the clip. Paths start at the folder.

    Raises UsageError where the dataset has no sound.
    """
    if "audio" not in data.columns:
        raise UsageError(f"{data.folder} has no sound", do="publish with `publish: {media: [audio]}`")
    done = Exported(why="no sound")
    (out / "audio").mkdir()
    for split in data.splits:
        recordings, supervisions = (out / f"{split}_{name}.jsonl.gz" for name in ("recordings", "supervisions"))
        with _Lines(recordings) as first, _Lines(supervisions) as second:
            for row in data.rows(split, without=("video", "image", *data.measured, "aligned", "functionals")):
                content = (row["audio"] or {}).get("bytes")
                if not content:
                    done.left_out += 1
                    continue
                path = f"audio/{file_name(row['id'])}.{_ending(row, 'audio')}"
                (out / path).write_bytes(content)
                told = soundfile.info(io.BytesIO(content))
                length = told.frames / told.samplerate
                first.write(
                    {
                        "id": row["id"],
                        "sources": [{"type": "file", "channels": list(range(told.channels)), "source": path}],
                        "sampling_rate": told.samplerate,
                        "num_samples": told.frames,
                        "duration": length,
                        "channel_ids": list(range(told.channels)),
                    }
                )
                second.write(_supervision(row, length, data.labels))
                done.samples += 1
                done.files += 1
        done.files += 2
    return done


def _supervision(row: Row, length: float, labels: tuple[str, ...]) -> dict[str, Any]:
    words = [
        [
            word["text"],
            round(max(0.0, word["start"] - row["start"]), 6),
            round(word["end"] - max(word["start"], row["start"]), 6),
            None if word["probability"] is None else round(word["probability"], 6),
        ]
        for word in row.get("words") or []
    ]
    told = {
        "id": row["id"],
        "recording_id": row["id"],
        "start": 0.0,
        "duration": length,
        "channel": 0,
        "text": row["text"],
        "language": row.get("language"),
        "speaker": row.get("speaker"),
        "alignment": {"word": words} if words else None,
        "custom": {name: row[name] for name in labels} | {"recording": row["recording"], "offset_s": row["start"]},
    }
    return {name: value for name, value in told.items() if value is not None}


def chat(data: Published, out: Path) -> Exported:
    """`SPLIT.jsonl`: for each sample and answered question a conversation, and the clips in `media/`.

    `messages` has a user's turn (media, words, the question and its possible answers) and the assistant's: the label.
    The form is that of chat templates in `transformers`. Paths are relative to the folder.

    Raises UsageError where no question has answers.
    """
    if not data.labels:
        raise UsageError(f"{data.folder} has no labels to learn", do="name answers in the recipe (`labels`)")
    done = Exported(why="no label")
    (out / "media").mkdir()
    for split in data.splits:
        with (out / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for row in data.rows(split, without=(*data.measured, "aligned", "functionals", "words")):
                answered = [name for name in data.labels if label_text(row[name])]
                if not answered:
                    done.left_out += 1
                    continue
                shown = list(_shown(row, out, done))
                for name in answered:
                    line = {"id": f"{row['id']}/{name}", "messages": _turns(row, name, shown, data.classes.get(name))}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                done.samples += 1
        done.files += 1
    return done


def _shown(row: Row, out: Path, done: Exported) -> Iterator[dict[str, str]]:
    for kind in MEDIA:
        content = (row.get(kind) or {}).get("bytes")
        if content:
            path = f"media/{file_name(row['id'])}.{_ending(row, kind)}"
            (out / path).write_bytes(content)
            done.files += 1
            yield {"type": kind, kind: path}
    if row["text"]:
        yield {"type": "text", "text": row["text"]}


def _turns(row: Row, name: str, shown: list[dict[str, str]], classes: list[str] | None) -> list[dict[str, Any]]:
    asked = f"What is the {name.replace('_', ' ')}?" + (f" One of: {', '.join(classes)}." if classes else "")
    answer = [{"type": "text", "text": label_text(row[name])}]
    return [
        {"role": "user", "content": [*shown, {"type": "text", "text": asked}]},
        {"role": "assistant", "content": answer},
    ]


class _Lines:
    """JSON lines in a gzip file that is the same for the same lines."""

    def __init__(self, path: Path) -> None:
        self._raw: BinaryIO = path.open("wb")
        self._zip = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_of: object) -> None:
        self._zip.close()
        self._raw.close()

    def write(self, told: dict[str, Any]) -> None:
        """One line."""
        self._zip.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
