"""What does a data set of faces and voices cost, against MMSA-FET 0.4.1 end to end on the same clips?

MMSA-FET (Mao et al. 2022, ACL) in a virtual environment of its own: librosa features, MediaPipe face mesh, a tiny
random BERT (without a text model it saves nothing). Ours: `affectloom build` with faces (box, pose, gaze, 52
blendshapes, action unit proxies, and which frames have none) at the same rate, and prosody; every value with its time.
Two workers each, from the start of the command to its end. MMSA-FET makes 468 or 478 landmarks, which we do not keep,
and we make blendshapes, which it does not have: what is the same are the frames looked at and how many have a face.

    python -m venv FET
    FET/bin/pip install MMSA-FET==0.4.1 'scenedetect<0.7' mediapipe==0.10.21 'numpy<2' 'pyarrow<20' torch==2.13.0
    python benchmarks/fet.py --python FET/bin/python [--clips 10] [--seconds 20] [--fps 10 24]
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from build import artifact
from measure import AFFECTLOOM, Cost, bytes_under, machine, run
from media import clips
from rich.console import Console
from rich.table import Table

WORKERS = 2
VIDEO_FPS = 24
RECIPE = """
name: bench
sources: {sources}
segment: {{by: window, window_s: 5}}
measure:
  faces: {{fps: {fps}, max_faces: 1}}
  prosody: {{hop_ms: 10}}
"""
LIBROSA = (
    *("chroma_stft", "chroma_cqt", "chroma_cens", "mfcc", "rms", "spectral_centroid", "spectral_bandwidth"),
    *("spectral_contrast", "spectral_flatness", "spectral_rolloff", "poly_features", "tonnetz", "zero_crossing_rate"),
)
LABEL_COLUMNS = ("video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode")
QUIET = {"HF_HUB_OFFLINE": "1", "GLOG_minloglevel": "3", "TF_CPP_MIN_LOG_LEVEL": "3"}
RIVAL = """
import json, sys
from pathlib import Path
from MSA_FET import run_dataset

if __name__ == "__main__":
    config, data, out, work = map(Path, sys.argv[1:])
    run_dataset(json.load(open(config)), dataset_dir=data, out_file=out, num_workers={workers},
                tmp_dir=work / "tmp", log_dir=work / "log")
"""
BERT = """
import sys
from pathlib import Path
from transformers import BertConfig, BertModel, BertTokenizerFast

folder = Path(sys.argv[1])
folder.mkdir()
signs = [chr(number) for number in range(33, 127)]
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *("##" + sign for sign in signs)]
(folder / "vocab.txt").write_text("\\n".join(words))
BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
sizes = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
"""
COUNT = """
import json, pickle, sys

rows = []
for split in pickle.load(open(sys.argv[1], "rb")).values():
    if "id" in split and len(split["id"]):
        rows += [[str(name), int(length)] for name, length in zip(split["id"], split["vision_lengths"])]
print(json.dumps(rows))
"""


def prepare(folder: Path, paths: Sequence[Path], rate: int, bert: Path) -> tuple[Path, Path]:
    """MMSA-FET's table of clips, with links to them, and its settings."""
    data = folder / "data"
    (data / "Raw" / "clips").mkdir(parents=True)
    with (data / "label.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(LABEL_COLUMNS)
        for path in paths:
            (data / "Raw" / "clips" / path.name).symlink_to(path.resolve())
            table.writerow(["clips", path.stem, path.with_suffix(".txt").read_text(), 0, 0, 0, 0, "Neutral", "train"])
    features = {name: {} for name in LIBROSA} | {"mfcc": {"n_mfcc": 13, "htk": True}}
    mesh = {"refine_landmarks": True, "min_detection_confidence": 0.35, "min_tracking_confidence": 0.5}
    settings = {
        "audio": {"tool": "librosa", "sample_rate": 22050, "n_fft": 512, "hop_length": 128, "features": features},
        "video": {"tool": "mediapipe", "fps": rate, "args": {"face_mesh": mesh, "visualize": False}},
        "text": {"model": "bert", "device": "cpu", "pretrained": str(bert), "args": {}},
    }
    (folder / "fet.json").write_text(json.dumps(settings))
    return folder / "fet.json", data


def rival(python: str, folder: Path, paths: Sequence[Path], rate: int, bert: Path, *, memory: bool) -> tuple[Cost, Any]:
    """One run of MMSA-FET; its cost, and rows of pictures by clip."""
    folder.mkdir()
    settings, data = prepare(folder, paths, rate, bert)
    script, count = folder / "rival.py", folder / "count.py"
    script.write_text(RIVAL.replace("{workers}", str(WORKERS)))
    count.write_text(COUNT)
    out = folder / "out"
    out.mkdir()
    command = [python, "-W", "ignore", str(script), str(settings), str(data), str(out / "features.pkl"), str(folder)]
    cost = run(command, environment=QUIET, memory=memory)
    if not (out / "features.pkl").exists():
        sys.exit(f"MMSA-FET saved nothing:\n{cost.output[-3000:]}")
    rows = json.loads(run([python, str(count), str(out / "features.pkl")]).output.splitlines()[-1])
    return cost, {name.partition("$_$")[2]: length for name, length in rows}


def ours(folder: Path, paths: Sequence[Path], rate: int, *, memory: bool) -> tuple[Cost, Cost, dict[str, int]]:
    """One build and the same again; and how many frames have a face, by clip."""
    from schemas.faces import Faces

    folder.mkdir()
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(sources=json.dumps([str(path.resolve()) for path in paths]), fps=rate))
    store = folder / "store"
    command = (*AFFECTLOOM, "build", str(recipe), "--store", str(store), "--workers", str(WORKERS), "--quiet")
    cost, again = run(command, memory=memory), run(command)
    return cost, again, {path.stem: len(np.unique(artifact(store, path, "faces", Faces).frame)) for path in paths}


def compare(python: str, folder: Path, paths: Sequence[Path], rates: Sequence[int], repeats: int) -> None:
    """Alternate, check, print."""
    console = Console(width=120)
    bert = folder / "bert"
    run([python, "-W", "ignore", "-c", BERT, str(bert)])
    table = Table("what", "run", "wall s", "CPU s", "peak MB", "largest process MB", "disk MB", "again s")
    table.title = f"{len(paths)} clips, {WORKERS} workers; {machine()}"
    for rate in rates:
        for turn in range(repeats):
            theirs = folder / f"fet-{rate}-{turn}"
            mine = folder / f"ours-{rate}-{turn}"
            memory = turn == 0
            cost, rows = rival(python, theirs, paths, rate, bert, memory=memory)
            made, again, frames = ours(mine, paths, rate, memory=memory)
            check(rows, frames)
            sizes = [bytes_under(theirs / "out") / 1e6, bytes_under(mine / "store") / 1e6]
            table.add_row(*_row(f"MMSA-FET, {rate} fps", turn, cost, sizes[0], "as the first"))
            table.add_row(*_row(f"affectloom, {rate} fps", turn, made, sizes[1], f"{again.wall_s:.1f}"))
        console.print(f"{rate} fps, frames with a face: {sum(frames.values())} ours, {sum(rows.values())} MMSA-FET's")
    console.print(table)


def check(theirs: dict[str, int], mine: dict[str, int]) -> None:
    """The same clips, and about as many frames with a face. Exits otherwise."""
    if theirs.keys() != mine.keys():
        sys.exit(f"clips: {sorted(theirs)} and {sorted(mine)}")
    for name, count in mine.items():
        if abs(count - theirs[name]) > 2 + 0.02 * count:
            sys.exit(f"{name}: {count} frames with a face, {theirs[name]} by MMSA-FET")


def _row(what: str, turn: int, cost: Cost, disk_mb: float, again: str) -> tuple[str, ...]:
    peak = (f"{cost.peak_mb:.0f}", f"{max(cost.each_mb.values()):.0f}") if cost.each_mb else ("", "")
    return what, str(turn + 1), f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", *peak, f"{disk_mb:.1f}", again


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=os.environ.get("FET_PYTHON"), help="of MMSA-FET's environment (FET_PYTHON)")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--fps", type=int, nargs="+", default=[10, 24])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--made", type=Path, help="where made recordings are kept for the next time")
    told = parser.parse_args()
    if told.python is None:
        parser.error("--python is missing; this script begins with how its environment is made")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = told.made or folder / "media"
        paths = clips(made, told.clips, told.seconds, (640, 360), VIDEO_FPS)
        compare(told.python, folder, paths, told.fps, told.repeats)


if __name__ == "__main__":
    main()
