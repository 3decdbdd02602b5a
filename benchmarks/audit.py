"""How long does an audit of 100,000 samples take, and how much memory?

A dataset with the columns of a published one is made: words, sound, prosody at 100 Hz, a face at 10 Hz, two picture
embeddings, aligned values, three raters. Every sample has other words, other sound and another label. Then
`affectloom audit` reads it, as a whole and, for comparison, `pyarrow` reads every column and does nothing.

    python benchmarks/audit.py [--samples 10000 100000] [--folder FOLDER]

With `--folder` the datasets are kept, and used again.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import AFFECTLOOM, bytes_under, machine, run
from rich.console import Console
from rich.table import Table

GROUP = 250
SHARD = 20
"""Row groups a file."""
SECONDS = 2.0
PROSODY = ["f0_hz", "intensity_db", "f1_hz", "f2_hz", "f3_hz", "jitter", "shimmer", "hnr_db", "loudness", "voiced"]
FACE = [f"bs_{number:02d}" for number in range(52)]
WORDS = 6
READ = """
import sys, pyarrow.parquet as pq
for name in sys.argv[1:]:
    for batch in pq.ParquetFile(name, pre_buffer=False).iter_batches(batch_size=250, use_threads=False): pass
"""


def lists(values: np.ndarray, each: int) -> pa.Array:
    """Arrow lists of `each` values."""
    offsets = pa.array(np.arange(0, values.size + 1, each, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)))


def track(drawn: np.random.Generator, start: np.ndarray, rate: int, columns: Iterable[str]) -> pa.Array:
    """A measurement of so many frames a second."""
    frames = int(SECONDS * rate)
    times = start[:, None] + (np.arange(frames) + 0.5) / rate
    fields = {"times": lists(times, frames)}
    fields |= {name: lists(drawn.random((len(start), frames), np.float32), frames) for name in columns}
    return pa.StructArray.from_arrays(list(fields.values()), names=list(fields))


def group(number: int, split: str) -> pa.Table:
    """One row group; its numbers are those of its place."""
    drawn, words = np.random.default_rng(number), random.Random(number)  # noqa: S311 - no secret
    rows = np.arange(GROUP)
    start = 2.5 * rows
    vocabulary = [f"{words.randrange(10**6):x}" for _ in range(3000)]
    texts = [" ".join(words.choices(vocabulary, k=WORDS)) for _ in rows]
    word_start = (start[:, None] + np.arange(WORDS) * SECONDS / WORDS).reshape(-1)
    inner = pa.StructArray.from_arrays(
        [pa.array(word_start), pa.array(word_start + SECONDS / WORDS), pa.array(" ".join(texts).split(" "))],
        names=["start", "end", "text"],
    )
    offsets = pa.array(np.arange(0, GROUP * WORDS + 1, WORDS, dtype=np.int32))
    head = b"fLaC\x00\x00\x00\x22" + bytes(10)
    head += (16_000 << 44 | int(SECONDS * 16_000)).to_bytes(8) + bytes(16)
    sound = pa.array([head + drawn.bytes(12_000) for _ in rows], pa.binary())
    labels = drawn.choice(["anger", "fear", "joy", "neutral", "sadness"], GROUP)
    answers = pa.StructArray.from_arrays(
        [pa.array(np.tile(["ann", "bob", "cid"], GROUP)), pa.array(np.repeat(labels, 3))], names=["rater", "value"]
    )
    embedding = pa.ListArray.from_arrays(
        pa.array(np.arange(0, 2 * GROUP + 1, 2, dtype=np.int32)), lists(drawn.random((2 * GROUP, 512), np.float32), 512)
    )
    pictures = pa.StructArray.from_arrays(
        [lists(start[:, None] + [0.5, 1.5], 2), embedding], names=["times", "embedding"]
    )
    aligned = pa.StructArray.from_arrays(
        [lists(drawn.random((GROUP, WORDS), np.float32), WORDS) for _ in PROSODY], names=PROSODY
    )
    nothing = pa.nulls(GROUP, pa.string())
    return pa.table(
        {
            "id": [f"r{number:06d}#{row:04d}" for row in rows],
            "recording": [f"r{number:06d}"] * GROUP,
            "start": start,
            "end": start + SECONDS,
            "audio": pa.StructArray.from_arrays([sound, nothing], names=["bytes", "path"]),
            "text": texts,
            "words": pa.ListArray.from_arrays(offsets, inner),
            "language": ["en" if row % 2 else "ta" for row in rows],
            "speaker": [f"{split} {number % 50} {row % 4}" for row in rows],
            "dialogue": [f"{number} {row // 25}" for row in rows],
            "turn": pa.array(rows % 25, pa.int32()),
            "aligned": pa.StructArray.from_arrays(
                [lists(word_start, WORDS), lists(word_start, WORDS), aligned], names=["start", "end", "prosody"]
            ),
            "prosody": track(drawn, start, 100, PROSODY),
            "face": track(drawn, start, 10, FACE),
            "clip": pictures,
            "emotion": labels,
            "emotion_answers": pa.ListArray.from_arrays(
                pa.array(np.arange(0, 3 * GROUP + 1, 3, dtype=np.int32)), answers
            ),
            "licence": ["cc-by-4.0" if row % 3 else "cc0-1.0" for row in rows],
        }
    )


def make(folder: Path, count: int) -> None:
    """The dataset; nine tenths are for training."""
    if (folder / "README.md").exists():
        return
    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = list(shards(count))
    for split, place, numbers in files:
        of = sum(one[0] == split for one in files)
        path = folder / "data" / f"{split}-{place:05d}-of-{of:05d}.parquet"
        with pq.ParquetWriter(path, group(0, split).schema, compression="snappy") as writer:
            for number in numbers:
                writer.write_table(group(number, split), row_group_size=GROUP)
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")


def shards(count: int) -> Iterator[tuple[str, int, range]]:
    """Split, place in it, and numbers of row groups."""
    groups = count // GROUP
    train = groups * 9 // 10
    for split, first, end in (("train", 0, train), ("test", train, groups)):
        for place, at in enumerate(range(first, end, SHARD)):
            yield split, place, range(at, min(at + SHARD, end))


def main(folder: Path, counts: Iterable[int]) -> None:
    """Measure and print."""
    table = Table(title=f"audit; {machine()}")
    for heading in ("samples", "GB", "", "wall s", "CPU s", "µs CPU a sample", "peak MB"):
        table.add_column(heading, justify="right")
    for count in counts:
        place = folder / str(count)
        make(place, count)
        size = bytes_under(place) / 1e9
        files = sorted(str(path) for path in place.rglob("*.parquet"))
        for what, command in (
            ("pyarrow reads it", [sys.executable, "-c", READ, *files]),
            ("affectloom audit", [*AFFECTLOOM, "audit", str(place), "--json"]),
        ):
            cost = run(command, memory=True)
            if "audit" in what:
                told = json.loads(cost.output)
                if told["rows"] != count // GROUP * GROUP or len(told["checked"]) < 15:
                    raise SystemExit(f"not all was audited: {told['rows']} rows, {told['unchecked']}")
                if told["findings"]:
                    Console().print(
                        *(f"{one['severity']} {one['what']}: {one['count']}" for one in told["findings"]), sep="\n"
                    )
            cells = [
                f"{cost.wall_s:.1f}",
                f"{cost.cpu_s:.1f}",
                f"{cost.cpu_s * 1e6 / count:.0f}",
                f"{cost.peak_mb:,.0f}",
            ]
            table.add_row(f"{count:,}", f"{size:.2f}", what, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="datasets are made here, and stay")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(given.folder or Path(temporary), given.samples)
