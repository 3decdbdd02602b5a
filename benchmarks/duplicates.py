"""How well copies are found: precision and recall for copies of the clips in a folder, made here with ffmpeg.

    python benchmarks/duplicates.py FOLDER [--work FOLDER] [--workers N]

Each clip is re-encoded, cropped, letter-boxed, played faster, trimmed and so on; all clips and copies are then looked
for at once. A pair is right if both come from the same clip. Pairs of the same clip that are copies in the folder
already count as wrong: look at the list.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.engines import engine as engine_of
from pipelines.sifting import duplicates
from pipelines.store import Store
from pipelines.watching.ffmpeg import find
from schemas.duplicates import Duplicates, Found
from schemas.recipe import Recipe
from schemas.source import SourceRow

ENDINGS = {".mp4", ".mov", ".mpg", ".mkv", ".avi", ".webm", ".wav", ".flac", ".mp3", ".jpg", ".png"}
PICTURES = {".jpg", ".png"}
SLOW_AAC = ("-c:a", "aac", "-b:a", "48k", "-ar", "22050")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
EVEN = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
VIDEO = {
    "re-encoded": ("-vf", f"scale=iw*0.6:-2,{EVEN}", *X264, "-crf", "34", *SLOW_AAC),
    "cropped": ("-vf", f"crop=iw*0.9:ih*0.9,{EVEN}", *X264, "-crf", "26", *SLOW_AAC),
    "letter-boxed": ("-vf", f"{EVEN},pad=iw:trunc(ih*0.7)*2:0:(oh-ih)/2", *X264, "-crf", "26", *SLOW_AAC),
    "sped up 2 %": ("-vf", f"setpts=PTS/1.02,{EVEN}", "-af", "aresample=48000,asetrate=48960,aresample=44100", *X264),
    "faster, same pitch": ("-vf", f"setpts=PTS/1.04,{EVEN}", "-af", "atempo=1.04", *X264),
    "trimmed": ("-ss", "0.7", "-vf", EVEN, *X264, *SLOW_AAC),
    "without sound": ("-vf", EVEN, *X264, "-crf", "30", "-an"),
}
SOUND = {
    "re-encoded": SLOW_AAC,
    "sped up 2 %": ("-af", "aresample=48000,asetrate=48960,aresample=44100", "-c:a", "aac"),
    "faster, same pitch": ("-af", "atempo=1.04", "-c:a", "aac"),
    "trimmed": ("-ss", "0.7", *SLOW_AAC),
    "telephone": ("-af", "highpass=300,lowpass=3400,aresample=8000", "-c:a", "aac", "-b:a", "24k"),
}
PICTURE = {
    "re-encoded": ("-vf", "scale=iw*0.6:-2", "-q:v", "12"),
    "cropped": ("-vf", "crop=iw*0.9:ih*0.9", "-q:v", "5"),
    "letter-boxed": ("-vf", "pad=iw:trunc(ih*0.7)*2:0:(oh-ih)/2", "-q:v", "5"),
}


def ffmpeg(*arguments: str) -> bool:
    command = [str(find()), "-nostdin", "-v", "error", "-y", *arguments]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def kind_of(path: Path) -> str:
    if path.suffix in PICTURES:
        return "picture"
    probe = [
        str(find()),
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v:0",
        "-frames:v",
        "1",
        "-f",
        "null",
        "-",
    ]
    return "video" if subprocess.run(probe, check=False, stderr=subprocess.DEVNULL).returncode == 0 else "sound"


def make(clips: list[Path], to: Path) -> list[tuple[str, str, str, Path]]:
    """(id, clip, variant, file) of clips and copies."""
    made = []
    for number, clip in enumerate(clips):
        kind = kind_of(clip)
        made.append((f"c{number:03d}-0", clip.name, "itself", clip))
        variants, ending = {"video": (VIDEO, ".mp4"), "sound": (SOUND, ".m4a"), "picture": (PICTURE, ".jpg")}[kind]
        for at, (variant, options) in enumerate(variants.items(), 1):
            path = to / f"c{number:03d}-{at}{ending}"
            if path.exists() or ffmpeg("-i", str(clip), "-sn", "-dn", *options, str(path)):
                made.append((path.stem, clip.name, variant, path))
    return made


def figures(found: Found, made: list[tuple[str, str, str, Path]], sound: float, silent: float) -> dict[str, object]:
    """Over all pairs of a clip and one of its copies, and all pairs that were called alike, at two thresholds."""
    clip = {name: of for name, of, _, _ in made}
    variant = {name: how for name, _, how, _ in made}
    told = {
        (link.one, link.other)
        for link in found.likenesses
        if (link.sound is None or link.sound >= sound) and (link.sound is not None or (link.picture or 0) <= silent)
    }
    original = {of: name for name, of, how, _ in made if how == "itself"}
    wanted = {(original[of], name) for name, of, how, _ in made if how != "itself"}
    related = {(link.one, link.other) for link in found.likenesses if link.kind == "related"}
    wrong = sorted(pair for pair in told - related if clip[pair[0]] != clip[pair[1]])
    recall = {
        how: [
            sum((original[clip[name]], name) in told - related for name in variant if variant[name] == how),
            sum(each == how for each in variant.values()),
        ]
        for how in dict.fromkeys(variant.values())
        if how != "itself"
    }
    return {
        "sound": sound,
        "silent": silent,
        "precision": round(1 - len(wrong) / max(1, len(told - related)), 4),
        "recall": round(len(wanted & told - related) / max(1, len(wanted)), 4),
        "recall_with_related": round(len(wanted & told) / max(1, len(wanted)), 4),
        "found": recall,
        "wrong": sorted(
            {(clip[a], clip[b], "related" if (a, b) in related else "copy") for a, b in told if clip[a] != clip[b]}
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, help="where copies and store go; by default a temporary folder")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    clips = sorted(path for path in given.folder.rglob("*") if path.suffix in ENDINGS and path.stat().st_size)
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        made = make(clips, work)
        store = Store(str(work / "store"))
        store.prepare()
        loose = Duplicates(find="near", sound=0.01, picture=0.45, silent=0.2)
        recipe = Recipe(name="copies", sources="x", duplicates=loose)
        rows = [SourceRow(id=name, uri=str(path)) for name, _, _, path in made]
        started = time.perf_counter()
        plan = duplicates.first_look(recipe)
        failed = {
            told.recording
            for told in engine_of("local", given.workers).run(plan, rows, store)
            if told.state == "failed"
        }
        looked_s = time.perf_counter() - started
        made = [one for one in made if one[0] not in failed]
        started = time.perf_counter()
        found = duplicates.find(recipe, [row.id for row in rows], store)
        told = {"clips": len(clips), "files": len(made), "failed": sorted(failed), "looked_s": round(looked_s, 1)}
        told["compared_s"] = round(time.perf_counter() - started, 1)
        told["at"] = [
            figures(found, made, s, p) for s, p in ((0.02, 0.15), (0.04, 0.12), (0.06, 0.1), (0.1, 0.08), (0.2, 0.05))
        ]
    json.dump(told, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
