"""Are the label counts of corpora what their authors publish, after import, build, publication and loading?

Takes a folder with the authors' own tables, any of: MELD's `*train_sent_emo.csv`, `*dev_sent_emo.csv` and
`*test_sent_emo.csv`, MUStARD's `*sarcasm_data.json`, CMU-MOSEI's `*label.csv`. Each is imported, built, published and
loaded with `datasets`, and its labels are counted by split (MUStARD's also by show). Where the authors publish a count,
it is held against theirs; a difference is told, and the exit code is 1. What is not in the folder is told too.

    python benchmarks/corpora.py FOLDER

Published counts: MELD's "Dataset Distribution" in the README of its authors' repository,
https://github.com/declare-lab/MELD; utterances, dialogues and speakers from its "Dataset Statistics". MUStARD's 690
videos, half of them sarcastic: Castro et al. 2019, https://aclanthology.org/P19-1455.
"""

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from measure import AFFECTLOOM, run
from rich.console import Console
from rich.table import Table

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
MELD = {
    "train": (1109, 271, 268, 1743, 4710, 683, 1205),
    "dev": (153, 22, 40, 163, 470, 111, 150),
    "test": (345, 68, 50, 402, 1256, 208, 281),
}
PUBLISHED: Mapping[tuple[str, str, str], Mapping[str, int]] = {
    **{("meld", "emotion", split): dict(zip(EMOTIONS, found, strict=True)) for split, found in MELD.items()},
    ("mustard", "sarcasm", "all"): {"no": 345, "yes": 345},
}
TABLES = {
    "meld": tuple(f"*{split}_sent_emo.csv" for split in MELD),
    "mustard": ("*sarcasm_data.json",),
    "mosei": ("*label.csv",),
}
QUESTIONS = {"meld": ("emotion", "sentiment"), "mustard": ("sarcasm",), "mosei": ("sentiment",)}
Counts = Mapping[tuple[str, str, str], Counter[str]]


def counted(corpus: str, files: list[Path], folder: Path) -> Counts:
    """Labels by (corpus, question, split), in what `datasets` loads of the published folder."""
    import datasets

    home, store, out = folder / corpus, folder / "store", folder / f"{corpus}-out"
    run([*AFFECTLOOM, "import", corpus, *map(str, files), "--out", str(home)])
    run([*AFFECTLOOM, "build", str(home / "recipe.yaml"), "--store", str(store), "--quiet"])
    run([*AFFECTLOOM, "publish", str(home / "recipe.yaml"), "--store", str(store), "--out", str(out), "--quiet"])
    found: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for split, rows in datasets.load_dataset(str(out), cache_dir=str(folder / "cache")).items():
        for question in QUESTIONS[corpus]:
            feature = rows.features[question]
            shows = [one["show"] for one in rows["extra"]] if corpus == "mustard" else [split] * len(rows)
            for value, show in zip(rows[question], shows, strict=True):
                if value is not None:
                    label = feature.int2str(value) if hasattr(feature, "int2str") else f"{round(value):+d}"
                    for part in {split, show, "all"} if corpus == "mustard" else {split}:
                        found[corpus, question, part][label] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    found: dict[tuple[str, str, str], Counter[str]] = {}
    lacking: list[str] = []
    with tempfile.TemporaryDirectory() as made:
        for corpus, patterns in TABLES.items():
            files = [path for pattern in patterns for path in sorted(folder.rglob(pattern))]
            lacking += [f"{corpus}: {pattern}" for pattern in patterns if not list(folder.rglob(pattern))]
            if files:
                named = [Path(made) / path.name for path in files]
                for path, link in zip(files, named, strict=True):
                    link.symlink_to(path.resolve())
                found |= counted(corpus, named, Path(made))
    table = Table("corpus", "question", "part", "labels", "counts", "as published")
    wrong = 0
    for key, counts in found.items():
        if key in PUBLISHED:
            same = dict(counts) == dict(PUBLISHED[key])
            wrong += not same
            told = "yes" if same else f"no: {PUBLISHED[key]}"
        else:
            told = "no count to hold it against"
        table.add_row(*key, f"{sum(counts.values()):,}", ", ".join(f"{k} {n:,}" for k, n in counts.most_common()), told)
    console = Console(width=200)
    console.print(table)
    for one in lacking:
        console.print(f"not in {folder}: {one}")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
