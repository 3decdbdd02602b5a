"""What does it cost to publish, with one worker and two, again when nothing changed, and with one other answer?

One recording is built; its folder in the store is written again and again under other ids (and other words). Texts at
two sizes show what the machinery costs a recording, and whether memory grows; sound shows the cutting of media. The
datasets of one and of two workers are compared byte for byte before anything is printed. There is no audit: to it,
copies of one recording are errors; `audit.py` measures it.

    python benchmarks/publish.py [--texts 10000 100000] [--sounds 500] [--folder FOLDER]

With `--folder` the stores are kept, and used again.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from multiprocessing import Pool
from pathlib import Path

import pyarrow as pa
from kill import hashes
from measure import AFFECTLOOM, ROOT, Cost, machine, run
from rich.console import Console
from rich.table import Table

MINUTES_OF_SOUND = """
name: sounds
sources: sources.jsonl
labels: answers.csv
segment: {by: window}
measure: {prosody: {hop_ms: 10}}
publish: {media: [audio], group_by: recording, shard_mb: 16, audit: skip}
"""
TEXTS = """
name: texts
sources: sources.jsonl
labels: answers.csv
publish: {group_by: speaker, shard_mb: 4, audit: skip}
"""
VOICE = ROOT / "pipelines" / "demo" / "media" / "voice.flac"
CHUNK = 500


def name(number: int) -> str:
    """Of a recording."""
    return f"r{number:07d}"


def make(folder: Path, recipe: str, count: int) -> None:
    """A store of so many recordings, all as the first, which is built."""
    if (folder / "made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(recipe)
    source = {"text": "It rains. We stay at home and read."} if "texts" in recipe else {"uri": str(VOICE)}
    (folder / "sources.jsonl").write_text(json.dumps({"id": name(0), "speaker": "s0", **source}) + "\n")
    (folder / "answers.csv").write_text("item,rater,question,value\n")
    run([*AFFECTLOOM, "build", str(folder / "recipe.yaml"), "--store", str(folder / "store"), "--quiet"])
    with Pool(len(os.sched_getaffinity(0))) as pool:
        pool.starmap(copies, [(folder, first, min(first + CHUNK, count)) for first in range(1, count, CHUNK)])
    with (folder / "sources.jsonl").open("w") as file:
        for number in range(count):
            file.write(json.dumps({"id": name(number), "speaker": f"s{number % 1000}", **source}) + "\n")
    answer(folder, count, "calm")
    (folder / "made").touch()


def answer(folder: Path, count: int, first: str) -> None:
    """An answer about every hundredth sample; what the first of them is, is given."""
    with (folder / "answers.csv").open("w") as file:
        file.write("item,rater,question,value\n")
        for number in range(0, count, 100):
            file.write(f"{name(number)}#0000,ann,mood,{('calm', 'merry')[number // 100 % 2] if number else first}\n")


def copies(folder: Path, first: int, end: int) -> None:
    """The recordings of these numbers, written as a build writes them."""
    from pipelines.build import load
    from pipelines.store import Store
    from schemas.sample import SampleRows

    os.fsync = lambda _: None  # nothing here must outlive a power cut
    lineage = load(folder / "recipe.yaml").plan.lineage
    store = Store(str(folder / "store"))
    made = store.open(name(0), lineage)
    samples = made.read("samples", SampleRows).table
    others: dict[str, tuple[str, bytes] | None] = {}
    for step in lineage.steps:
        for kind in step.makes:
            if made.has(kind) and kind != "samples":
                with made.local(kind) as path:
                    others[kind] = path.name.split(".", 2)[2], path.read_bytes()
            else:
                others[kind] = None
    for number in range(first, end):
        copy = store.open(name(number), lineage)
        text = None if made.source.text is None else f"{made.source.text} {number}"
        copy.write_source(made.source.model_copy(update={"id": copy.id, "speaker": f"s{number % 1000}", "text": text}))
        for step in lineage.steps:
            for kind in step.makes:
                there = others[kind]
                if kind == "samples":
                    copy.write(kind, SampleRows(renamed(samples, copy.id, number)))
                elif there is None:
                    copy.absent(kind, "not here")
                else:
                    with copy.create(kind, there[0]) as path:
                        path.write_bytes(there[1])


def renamed(samples: pa.Table, recording: str, number: int) -> pa.Table:
    """The samples of another recording, in which other words are said."""
    rows = len(samples)
    new = {
        "id": [f"{recording}#{at:04d}" for at in range(rows)],
        "recording": [recording] * rows,
        "speaker": [f"s{number % 1000}"] * rows,
        "text": [f"{text or ''} {number}" for text in samples["text"].to_pylist()],
    }
    for column, values in new.items():
        place = samples.column_names.index(column)
        samples = samples.set_column(place, samples.field(column), pa.array(values, samples.field(column).type))
    return samples


def publish(folder: Path, out: str, workers: int) -> tuple[Cost, dict[str, int]]:
    """What it cost, and what the command told."""
    command = [*AFFECTLOOM, "publish", str(folder / "recipe.yaml"), "--store", str(folder / "store"), "--json"]
    environment = {"AFFECTLOOM_SALT": "of no use to anybody"}
    at_work = ["--out", str(folder / out), "--workers", str(workers)]
    cost = run([*command, *at_work], environment=environment, memory=True)
    return cost, json.loads(cost.output)


def main(folder: Path, wanted: Iterable[tuple[str, str, int]]) -> None:
    """Measure and print."""
    table = Table(title=f"publishing; {machine()}")
    for heading in ("recordings", "", "wall s", "CPU s", "ms a recording", "driver MB", "worker MB", "written", "kept"):
        table.add_column(heading, justify="right")
    for kind, recipe, count in wanted:
        place = folder / f"{kind}-{count}"
        make(place, recipe, count)
        answer(place, count, "calm")
        for out in ("one", "two"):
            shutil.rmtree(place / out, ignore_errors=True)
        for what, out, workers in (
            ("one worker", "one", 1),
            ("two workers", "two", 2),
            ("two, nothing changed", "two", 2),
            ("two, one answer changed", "two", 2),
        ):
            if "answer" in what:
                if hashes(place / "one") != hashes(place / "two"):
                    raise SystemExit("one worker and two did not publish the same")
                answer(place, count, "merry")
            cost, told = publish(place, out, workers)
            each = f"{cost.cpu_s * 1000 / count:.2f}"
            memory = [f"{cost.each_mb.get(process, 0):,.0f}" for process in ("driver", "worker")]
            cells = [f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", each, *memory, str(told["written"]), str(told["kept"])]
            table.add_row(f"{count:,} {kind}", what, *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--sounds", type=int, nargs="*", default=[500])
    parser.add_argument("--folder", type=Path, help="stores are made here, and stay")
    given = parser.parse_args()
    todo = [("texts", TEXTS, count) for count in given.texts] + [
        ("sounds", MINUTES_OF_SOUND, count) for count in given.sounds
    ]
    with tempfile.TemporaryDirectory() as temporary:
        main(given.folder or Path(temporary), todo)
