"""Faces as OpenFace writes them: one CSV a recording, one row a frame (Baltrusaitis et al., 2018, OpenFace 2.0).

Its columns are https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format. What is not measured here (landmarks,
the head's place) is left out, so that nobody takes a made-up number for a measured one.
"""

import csv
import math
from pathlib import Path

from pipelines.exporting.published import Exported, Published, Row, file_name
from schemas.errors import UsageError

_NO_FACES = "no measured face with a time"
_PROXY = "_proxy"
_FULL = 5.0
"""OpenFace's intensities go from 0 to 5; ours from 0 to 1."""


def openface(data: Published, out: Path) -> Exported:
    """Angles in radians; `AU12_r` is 5 times `au12_proxy`, which is estimated from blendshapes, not coded.

    Raises UsageError where the dataset has no faces.
    """
    if "face" not in data.columns:
        raise UsageError(f"{data.folder} has no column face", do="build with `measure: {faces: {}}` and publish again")
    done = Exported(why=_NO_FACES)
    kept = {"id", "recording", "index", "start", "end", "face", "face_id"}
    done.left_out = sum(1 for _ in data.rows(without=[name for name in data.columns if name != "id"]))
    for recording, rows in data.recordings(without=[name for name in data.columns if name not in kept]):
        lines, used = _lines(rows)
        done.left_out -= used
        done.samples += used
        if not lines:
            continue
        done.files += 1
        with (out / f"{file_name(recording)}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    return done


def _lines(rows: list[Row]) -> tuple[list[dict[str, float | int]], int]:
    """The frames of all samples in order of time, each once; how many samples had any."""
    frames: dict[tuple[float, int], dict[str, float | int]] = {}
    used = 0
    for row in rows:
        track = row["face"]
        times = (track or {}).get("times") or []
        seen = [place for place in range(len(times)) if track["yaw_deg"][place] is not None]
        used += bool(seen)
        for place in seen:
            face = row["face_id"] or 0
            frames.setdefault((times[place], face), _line(track, place, times[place], face))
    return [{"frame": number, **frames[key]} for number, key in enumerate(sorted(frames), 1)], used


def _line(track: Row, place: int, time: float, face: int) -> dict[str, float | int]:
    def radians(name: str) -> float:
        return round(math.radians(track[name][place]), 4)

    line: dict[str, float | int] = {"face_id": face, "timestamp": round(time, 3), "confidence": 1, "success": 1}
    line["gaze_angle_x"], line["gaze_angle_y"] = radians("gaze_yaw_deg"), radians("gaze_pitch_deg")
    line["pose_Rx"], line["pose_Ry"], line["pose_Rz"] = (radians(f"{axis}_deg") for axis in ("pitch", "yaw", "roll"))
    for name in track:
        if name.endswith(_PROXY):
            line[f"{name.removesuffix(_PROXY).upper()}_r"] = round(_FULL * track[name][place], 4)
    return line
