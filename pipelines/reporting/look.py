"""Looking at one recording: its source, its artifacts, its timeline, its failures."""

import textwrap
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.plan import Plan
from pipelines.recording import StoredRecording
from pipelines.store import Store
from schemas.errors import StoreError
from schemas.facts import Facts, Watched
from schemas.segment import Segments
from schemas.transcript import Transcript, VoiceActivity

_LABEL = 12
_WIDEST = 100
_TEXT_LINES = 2
_LONGEST_VALUE = 300


@dataclass(frozen=True)
class Look:
    """What is known of one recording."""

    id: str
    source: dict[str, Any] | None
    artifacts: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    failures: list[dict[str, Any]]


def look(plan: Plan, store: Store, recording_id: str) -> Look:
    """Gather it. Raises StoreError where the store knows no such recording."""
    lineage = plan.lineage
    recording = store.open(recording_id, lineage)
    failure = recording.source_failure
    if not recording.acquired:
        if failure is None:
            raise StoreError(
                f"{recording_id} is not in the store {store.url}", do="`affectloom build` first, or check the id"
            )
        return Look(recording_id, None, [], [], [failure.model_dump()])
    artifacts, failures = [], []
    for kind in [kind for step in lineage.steps for kind in step.makes]:
        state = recording.state(kind)
        entry: dict[str, Any] = {"kind": kind, "step": lineage.maker[kind].key, "state": state}
        if state == "absent":
            entry["why"] = recording.reason(kind)
        if state == "failed" and (found := recording.failure(kind)) is not None:
            entry["why"] = found.message
            failures.append(found.model_dump())
        artifacts.append(entry)
    return Look(recording_id, recording.source.model_dump(), artifacts, _timeline(recording), failures)


def _timeline(recording: StoredRecording) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    if recording.has("watched"):
        watched = recording.read("watched", Watched)
        if watched.frame_start_s is not None and watched.frame_end_s is not None:
            lines.append({"what": "video", "spans": [(watched.frame_start_s, watched.frame_end_s)]})
        lines.append({"what": "sound", "spans": list(watched.sound_spans)})
        lines.extend({"what": "defect", "text": text, "spans": []} for text in watched.defects)
    elif recording.has("facts") and (length := recording.read("facts", Facts).duration_s) is not None:
        lines.append({"what": "declared", "spans": [(0.0, length)]})
    if recording.has("voice"):
        spans = [(span.start, span.end) for span in recording.read("voice", VoiceActivity).spans]
        lines.append({"what": "voice", "spans": spans})
    if recording.has("words"):
        words = recording.read("words", Transcript)
        lines.append({"what": "words", "text": words.text, "spans": [(word.start, word.end) for word in words.words]})
        if words.numbers is not None:
            lines.append({"what": "computed in", "text": words.numbers, "spans": []})
    if recording.has("segments"):
        for segment in recording.read("segments", Segments).segments:
            spans = [] if segment.start is None or segment.end is None else [(segment.start, segment.end)]
            lines.append({"what": f"segment {segment.index}", "text": segment.text or "", "spans": spans})
    return lines


def show(found: Look, console: Console) -> None:
    """Print it for a person, in the width of the terminal."""
    console.print(Text(found.id, style="bold"))
    for key, value in _told(found.source or {}).items():
        console.print(f"  {key}: {value}", markup=False, highlight=False)
    if found.artifacts:
        console.print(_artifacts(found.artifacts))
    width = max(10, min(_WIDEST, console.width - _LABEL - 2))
    longest = max((end for line in found.timeline for _, end in line["spans"]), default=0.0)
    for line in found.timeline:
        said = textwrap.wrap(line.get("text", ""), width, max_lines=_TEXT_LINES, placeholder=" …")
        lines = [_bar(line["spans"], longest, width), *said] if line["spans"] else said or ["none"]
        for number, text in enumerate(lines):
            label = line["what"] if number == 0 else ""
            console.print(f"{label:>{_LABEL}} {text}", markup=False, highlight=False)
    if longest:
        console.print(f"{'':>{_LABEL}} 0 s{longest:>{width - 5}.2f} s", highlight=False)
    for failure in found.failures:
        console.print(f"failed at {failure['step']}: {failure['message']}", style="red", markup=False)
        if failure["do"]:
            console.print(f"  {failure['do']}", markup=False)


def _told(source: dict[str, Any]) -> dict[str, str]:
    """What a person wants to know of the source; `--json` has all of it."""
    left_out = ("id", "stamp", "subtitles_sha256", "extra")
    told = {key: value for key, value in source.items() if value not in (None, "") and key not in left_out}
    told.update(source.get("extra", {}))
    return {key: textwrap.shorten(str(value), _LONGEST_VALUE, placeholder=" …") for key, value in told.items()}


def _artifacts(artifacts: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("artifact", "step", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("why", overflow="fold")
    for entry in artifacts:
        table.add_row(*(Text(text) for text in (entry["kind"], entry["step"], entry["state"], entry.get("why", ""))))
    return table


def _bar(spans: list[tuple[float, float]], longest: float, width: int) -> str:
    cells = ["·"] * width
    for start, end in spans:
        first = min(width - 1, int(start / longest * width))
        last = max(first + 1, min(width, round(end / longest * width)))
        cells[first:last] = "█" * (last - first)
    return "".join(cells)
