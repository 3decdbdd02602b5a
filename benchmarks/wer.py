"""How many words does the speech step get wrong, against the bare engine with the same weights?

The same weights in int8, beam 5, one thread. Ours is `affectloom build` with speech alone; the bare engine is
faster-whisper's own `WhisperModel.transcribe` of each file with word times and otherwise its defaults (it tells the
model what came before, and draws at random where a window is distrusted, so that it does not give the same twice),
once without and once with its voice activity filter. All are told the language, if it is known.
Every difference from the known transcript is a word that was substituted, dropped or
invented. Without a manifest: the demo's recordings with speech, and flite's voices reading sentences.

    python benchmarks/wer.py [--model tiny.en] [--files 3] [--seconds 60] [--manifest FILE.json] [--words]

A manifest is JSON: {"files": [{"file": path beside the manifest, "transcript": text, "speech_language": "en"}, ...]};
files without a transcript or a language that the model knows are passed over. Letters are compared after NFKC without
case and marks of punctuation; in a language written without spaces each letter counts as a word. Each file's stem must
be its own. `--words` prints each difference with the words before it.
"""

import argparse
import csv
import json
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from build import artifact
from measure import AFFECTLOOM, ROOT, Cost, machine, run
from media import speech
from rich.console import Console
from rich.table import Table

KINDS = ("substituted", "dropped", "invented")
DEMO = ROOT / "pipelines" / "demo"
RECIPE = """
name: bench
sources: sources.csv
segment: {{by: sentence}}
measure:
  speech: {{model: {model}}}
"""
BARE = """
import json, sys
from faster_whisper import WhisperModel

folder, out, vad, *named = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
for one in named:
    language, _, path = one.partition(":")
    segments, _ = model.transcribe(path, language=language, beam_size=5, word_timestamps=True, vad_filter=bool(vad))
    words = [word.word for segment in segments for word in segment.words]
    with open(out + "/" + path.rpartition("/")[2] + ".json", "w") as file:
        json.dump(words, file)
"""


@dataclass(frozen=True)
class Said:
    """What was said in a recording: words, and the language as Whisper names it."""

    words: list[str]
    language: str = "en"


Truth = dict[Path, Said]


@dataclass(frozen=True)
class Difference:
    """One word that is not as it was said. at: words of the truth before it."""

    kind: str
    at: int
    said: str
    heard: str


def differences(heard: Sequence[str], said: Sequence[str]) -> list[Difference]:
    """The fewest edits from what was said to what was heard, in order (Levenshtein); substitutions are preferred."""
    table = [[row + column if not row or not column else 0 for column in range(len(heard) + 1)]
             for row in range(len(said) + 1)]  # fmt: skip
    for row, word in enumerate(said, 1):
        for column, other in enumerate(heard, 1):
            substituted = table[row - 1][column - 1] + (word != other)
            table[row][column] = min(substituted, table[row - 1][column] + 1, table[row][column - 1] + 1)
    found: list[Difference] = []
    row, column = len(said), len(heard)
    while row or column:
        if row and column and table[row][column] == table[row - 1][column - 1] + (said[row - 1] != heard[column - 1]):
            row, column = row - 1, column - 1
            if said[row] != heard[column]:
                found.append(Difference("substituted", row, said[row], heard[column]))
        elif row and table[row][column] == table[row - 1][column] + 1:
            row -= 1
            found.append(Difference("dropped", row, said[row], ""))
        else:
            column -= 1
            found.append(Difference("invented", row, "", heard[column]))
    return found[::-1]


def units(text: str, language: str) -> list[str]:
    """The words of a text as they are compared: letters, digits, vowel signs and apostrophes, in small letters."""
    from extractors.word_times import UNSPACED

    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(sign if sign == "'" or unicodedata.category(sign)[0] in "LMN" else " " for sign in plain)
    return [sign for sign in kept if sign != " "] if language in UNSPACED else kept.split()


def of_manifest(file: Path, model: str) -> Truth:
    """The files with a transcript in a language that the model knows."""
    from extractors.languages import english_only, whisper_code

    truth: Truth = {}
    for told in json.loads(file.read_text())["files"]:
        language = whisper_code((told.get("speech_language") or "").split(" ")[0])
        if told.get("transcript") and language and (language == "en" or not english_only(model)):
            truth[file.parent / told["file"]] = Said(units(told["transcript"], language), language)
    return truth


def of_demo() -> Truth:
    """The demo's recordings with the sentences that the script which made them had spoken."""
    with (DEMO / "sources.csv").open() as file:
        media = {row["id"]: DEMO / row["path"] for row in csv.DictReader(file) if row["path"]}
    said: dict[Path, list[tuple[float, str]]] = {}
    with (DEMO / "truth.csv").open() as file:
        for row in csv.DictReader(file):
            if row["what"] == "speech":
                said.setdefault(media[row["recording"]], []).append((float(row["start_s"]), row["text"]))
    return {path: Said(units(" ".join(text for _, text in sorted(spoken)), "en")) for path, spoken in said.items()}


def compare(folder: Path, model: str, truth: Truth, *, words: bool, title: str) -> None:
    """Hear all by both, and print."""
    from extractors import whisper_weights
    from schemas.transcript import Transcript

    folder.mkdir()
    paths = list(truth)
    if len({path.stem for path in paths}) < len(paths):
        sys.exit("two files have the same name without its ending")
    recipe, store = folder / "recipe.yaml", folder / "store"
    with (folder / "sources.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("id", "path", "language"), *((path.stem, str(path), told.language) for path, told in truth.items())]
        )
    recipe.write_text(RECIPE.format(model=json.dumps(model)))
    ours = run((*AFFECTLOOM, "build", str(recipe), "--store", str(store), "--workers", "1", "--quiet"), cores=1)
    heard = {
        path: {"ours": units(artifact(store, path, "words", Transcript).text, told.language)}
        for path, told in truth.items()
    }
    weights = whisper_weights.converted_folder(model, None)
    named = [f"{told.language}:{path}" for path, told in truth.items()]
    costs = {"ours": ours}
    for who, vad in (("bare", ""), ("bare, VAD", "yes")):
        out = folder / who
        out.mkdir()
        costs[who] = run([sys.executable, "-c", BARE, str(weights), str(out), vad, *named], cores=1)
        for path, told in truth.items():
            text = "".join(json.loads((out / f"{path.name}.json").read_text()))
            heard[path][who] = units(text, told.language)
    show(truth, heard, costs, words=words, title=f"{title}, {model}; {machine()}")


def show(
    truth: Truth, heard: dict[Path, dict[str, list[str]]], costs: dict[str, Cost], *, words: bool, title: str
) -> None:
    """One row a recording; what differs under it, if asked for."""
    console = Console(width=160)
    table = Table("recording", "words", *(f"{who}: {kind}" for who in costs for kind in KINDS), title=title)
    total: Counter[tuple[str, str]] = Counter()
    for path, told in truth.items():
        said = told.words
        found = {who: differences(heard[path][who], said) for who in costs}
        count = Counter((who, one.kind) for who, several in found.items() for one in several)
        total += count
        table.add_row(path.name, str(len(said)), *(str(count[who, kind]) for who in costs for kind in KINDS))
        for who, several in found.items() if words else ():
            for one in several:
                before = " ".join(said[max(one.at - 3, 0) : one.at])
                console.print(
                    f"{path.name} {who}: {one.kind} after '{before}': '{one.said}' '{one.heard}'", markup=False
                )
    all_words = sum(len(told.words) for told in truth.values())
    table.add_section()
    table.add_row("all", str(all_words), *(str(total[who, kind]) for who in costs for kind in KINDS))
    console.print(table)
    for who, cost in costs.items():
        errors = sum(total[who, kind] for kind in KINDS)
        console.print(f"{who}: {errors} errors, WER {errors / all_words:.1%}, {cost.cpu_s:.1f} CPU-s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en", help="a name, or a local folder")
    parser.add_argument("--files", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--manifest", type=Path, help="media with known transcripts, instead of those made here")
    parser.add_argument("--words", action="store_true", help="print each difference")
    told = parser.parse_args()
    sys.path[1:1] = [str(ROOT)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if told.manifest is not None:
            compare(
                folder / "m",
                told.model,
                of_manifest(told.manifest, told.model),
                words=told.words,
                title=str(told.manifest),
            )
            return
        compare(folder / "demo", told.model, of_demo(), words=told.words, title="demo")
        paths = [folder / f"speech{number}.wav" for number in range(told.files)]
        truth = {path: Said(units(speech(path, told.seconds, number), "en")) for number, path in enumerate(paths)}
        compare(folder / "flite", told.model, truth, words=told.words, title="flite")


if __name__ == "__main__":
    main()
