"""What does speech cost, against openai-whisper's own command and against bare faster-whisper?

The same weights (tiny.en), beam 5, word times, one thread on one core, the same files, each from the start of the
command to its end: imports and loading count. Ours is `affectloom build` with speech alone, which also decodes, keeps
the sound as FLAC, finds the voice and cuts sentences. openai-whisper computes in float32, the others in int8.

    python benchmarks/speech.py [--files 3] [--seconds 60] [--repeats 3] [--openai FILE.pt]

Without `--openai` the checkpoint is made of the installed weights, as for the tests. Speeds are printed only after the
words agree.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from build import artifact
from measure import AFFECTLOOM, ROOT, Cost, machine, median, plain_words, run, word_errors
from media import speech
from rich.console import Console
from rich.table import Table

MOST_DIFFERENT = 0.06
RECIPE = """
name: bench
sources: {sources}
segment: {{by: sentence}}
measure:
  speech: {{model: {model}, language: en}}
"""
OPENAI = "from whisper.transcribe import cli; cli()"
BARE = """
import json, sys
from faster_whisper import WhisperModel

folder, out, *paths = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
for path in paths:
    segments, _ = model.transcribe(path, language="en", beam_size=5, word_timestamps=True, vad_filter={vad})
    words = [word.word for segment in segments for word in segment.words]
    with open(out + "/" + path.rpartition("/")[2] + ".json", "w") as file:
        json.dump(words, file)
"""
Texts = dict[Path, list[str]]


def ours(folder: Path, paths: Sequence[Path]) -> tuple[Cost, Texts]:
    """One build."""
    from schemas.transcript import Transcript

    folder.mkdir()
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(sources=json.dumps([str(path) for path in paths]), model="tiny.en"))
    store = folder / "store"
    command = (*AFFECTLOOM, "build", str(recipe), "--store", str(store), "--workers", "1", "--quiet")
    cost = run(command, cores=1)
    return cost, {path: plain_words(artifact(store, path, "words", Transcript).text) for path in paths}


def openai(checkpoint: Path, folder: Path, paths: Sequence[Path]) -> tuple[Cost, Texts]:
    """openai-whisper's own command."""
    options = ["--model", str(checkpoint), "--language", "en", "--word_timestamps", "True", "--threads", "1"]
    options += ["--fp16", "False", "--output_format", "json", "--output_dir", str(folder), "--verbose", "False"]
    cost = run([sys.executable, "-c", OPENAI, *map(str, paths), *options], cores=1)
    read = {path: json.loads((folder / f"{path.stem}.json").read_text()) for path in paths}
    return cost, {path: plain_words(told["text"]) for path, told in read.items()}


def bare(weights: Path, folder: Path, paths: Sequence[Path], *, vad: bool) -> tuple[Cost, Texts]:
    """faster-whisper as its documentation shows it, its voice activity filter on or off."""
    folder.mkdir()
    script = BARE.replace("{vad}", str(vad))
    cost = run([sys.executable, "-c", script, str(weights), str(folder), *map(str, paths)], cores=1)
    return cost, {path: plain_words("".join(json.loads((folder / f"{path.name}.json").read_text()))) for path in paths}


def different(found: Texts, wanted: Texts) -> float:
    """Word error rate over all files."""
    errors = sum(word_errors(found[path], words) for path, words in wanted.items())
    return errors / sum(map(len, wanted.values()))


def compare(folder: Path, checkpoint: Path, paths: Sequence[Path], truth: Texts, repeats: int) -> None:
    """Alternate, check, print."""
    from extractors import whisper_weights

    weights = whisper_weights.converted_folder("tiny.en", None)
    costs: dict[str, list[Cost]] = {}
    texts: dict[str, Texts] = {}
    for turn in range(repeats):
        at = folder / str(turn)
        at.mkdir()
        for what, (cost, said) in {
            "affectloom": ours(at / "ours", paths),
            "openai-whisper's command": openai(checkpoint, at, paths),
            "faster-whisper, bare": bare(weights, at / "bare", paths, vad=False),
            "faster-whisper, bare, VAD": bare(weights, at / "vad", paths, vad=True),
        }.items():
            costs.setdefault(what, []).append(cost)
            texts[what] = said
    table = Table("what", "wall s", "CPU s", "x real time by CPU", "CPU to ours", "words unlike ours", "WER")
    seconds = sum(length(path) for path in paths)
    table.title = f"{len(paths)} files, {seconds:.0f} s of speech, one core; {machine()}"
    mine = median(costs["affectloom"])
    for what, several in costs.items():
        unlike = different(texts[what], texts["affectloom"])
        if unlike > MOST_DIFFERENT:
            sys.exit(f"{what}: {unlike:.1%} of the words are unlike ours")
        cost = median(several)
        rate, share = f"{seconds / cost.cpu_s:.1f}", f"{cost.cpu_s / mine.cpu_s:.2f}"
        wer = f"{different(texts[what], truth):.1%}"
        table.add_row(what, f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", rate, share, f"{unlike:.1%}", wer)
    Console(width=120).print(table)


def length(path: Path) -> float:
    """In seconds."""
    import soundfile

    return float(soundfile.info(str(path)).duration)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--openai", type=Path, help="a checkpoint of tiny.en for openai-whisper")
    told = parser.parse_args()
    sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]
    if told.openai is None:
        from speech_models import openai_tiny_en

        told.openai = openai_tiny_en()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = [folder / f"speech{number}.wav" for number in range(told.files)]
        truth = {path: plain_words(speech(path, told.seconds, number)) for number, path in enumerate(paths)}
        compare(folder, told.openai, paths, truth, told.repeats)


if __name__ == "__main__":
    main()
