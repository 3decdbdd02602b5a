"""A small dataset in which nothing is wrong, and a way to plant one defect."""

import copy
import io
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

RATE = 8_000
EACH = 40
LABELS = ("calm", "glad", "sad", "tense")
_SYLLABLES = ["ba", "ke", "lo", "mi", "nu", "po", "ra", "si", "tu", "ve", "wo", "za", "che", "dri", "fla"]

WORD = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("text", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("recording", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("text", pa.string()),
        ("words", pa.list_(WORD)),
        ("speaker", pa.string()),
        ("dialogue", pa.string()),
        ("turn", pa.int32()),
        ("prosody", pa.struct([("times", pa.list_(pa.float64())), ("f0_hz", pa.list_(pa.float32()))])),
        ("present", pa.struct([("text", pa.bool_()), ("audio", pa.bool_()), ("video", pa.bool_())])),
        ("mood", pa.string()),
        ("mood_answers", pa.list_(pa.struct([("rater", pa.string()), ("value", pa.string())]))),
        ("licence", pa.string()),
    ]
)


def rows_of(split, count=EACH):
    """Samples of five speakers, each with every label equally often, in dialogues of one recording."""
    drawn = random.Random(split)
    rows = []
    for number in range(count):
        talk, turn = divmod(number, 8)
        start = 2.0 * turn + 0.25
        end = start + 1.0 + 0.125 * (number % 4)
        words = ["".join(drawn.choices(_SYLLABLES, k=3)) for _ in range(6)]
        cuts = np.linspace(start, end, len(words) + 1).tolist()
        label = LABELS[(number // 5) % 4]
        rows.append(
            {
                "id": f"{split}-{talk}#{turn:04d}",
                "recording": f"{split}-{talk}",
                "start": start,
                "end": end,
                "audio": {"bytes": noise(end - start, f"{split}{number}"), "path": None},
                "text": " ".join(words),
                "words": [
                    {"start": a, "end": b, "text": word} for word, a, b in zip(words, cuts[:-1], cuts[1:], strict=True)
                ],
                "speaker": f"{split} speaker {number % 5}",
                "dialogue": f"{split} talk {talk}",
                "turn": turn,
                "prosody": {"times": cuts[:-1], "f0_hz": [100.0 + drawn.random() for _ in words]},
                "present": {"text": True, "audio": True, "video": number % 3 == 0},
                "mood": label,
                "mood_answers": [{"rater": rater, "value": label} for rater in ("ann", "bob", "cid")],
                "licence": ("cc-by-4.0", "cc0-1.0")[number % 2],
            }
        )
    return rows


def noise(seconds, seed):
    file = io.BytesIO()
    values = np.random.default_rng(list(seed.encode())).integers(-8000, 8000, round(seconds * RATE)).astype(np.int16)
    soundfile.write(file, values, RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


_CLEAN = {split: rows_of(split) for split in ("train", "test")}


def clean():
    """Split to rows; a copy that a test may spoil."""
    return copy.deepcopy(_CLEAN)


def write(folder, splits, *, licence="cc-by-4.0", row_group_size=16):
    """As a published dataset: shards and a card."""
    (folder / "data").mkdir(parents=True)
    for split, rows in splits.items():
        table = pa.Table.from_pylist(rows, SCHEMA)
        pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet", row_group_size=row_group_size)
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# A dataset\n")
    return folder
