"""Looking at one recording: its source, its artifacts, its timeline, its failures."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.plan import Plan
from pipelines.recording import StoredRecording
from pipelines.store import Store
from schemas.errors import StoreError
from schemas.facts import Facts, Watched
from schemas.segment import Segments
from schemas.transcript import Transcript, VoiceActivity

_WIDTH = 72


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
    if recording.has("segments"):
        for segment in recording.read("segments", Segments).segments:
            spans = [] if segment.start is None or segment.end is None else [(segment.start, segment.end)]
            lines.append({"what": f"segment {segment.index}", "text": segment.text or "", "spans": spans})
    return lines


def show(found: Look, console: Console) -> None:
    """Print it for a person."""
    console.print(f"[bold]{found.id}[/]")
    if found.source:
        told = {key: value for key, value in found.source.items() if value not in (None, {}, "") and key != "id"}
        for key, value in told.items():
            console.print(f"  {key}: {str(value)[:120]}", markup=False, highlight=False)
    table = Table("artifact", "step", "state", "why", box=None, pad_edge=False)
    for entry in found.artifacts:
        table.add_row(entry["kind"], entry["step"], entry["state"], entry.get("why", ""))
    console.print(table)
    longest = max((end for line in found.timeline for _, end in line["spans"]), default=0.0)
    for line in found.timeline:
        bar = _bar(line["spans"], longest) if line["spans"] else ""
        console.print(f"{line['what']:>12} {bar} {line.get('text', '')[:90]}".rstrip(), markup=False, highlight=False)
    if longest:
        console.print(f"{'':>12} 0 s{longest:>{_WIDTH - 5}.2f} s", highlight=False)
    for failure in found.failures:
        console.print(f"failed at {failure['step']}: {failure['message']}", style="red", markup=False)
        if failure["do"]:
            console.print(f"  {failure['do']}", markup=False)


def _bar(spans: list[tuple[float, float]], longest: float) -> str:
    cells = ["·"] * _WIDTH
    for start, end in spans:
        first = min(_WIDTH - 1, int(start / longest * _WIDTH))
        last = max(first + 1, min(_WIDTH, round(end / longest * _WIDTH)))
        cells[first:last] = "█" * (last - first)
    return "".join(cells)
