"""Every engine makes the same store of the same sources, bad ones among them."""

import json
from pathlib import Path

import pytest
from steps_for_tests import After, Length, Moody, Uses

from pipelines.engines import ENGINES, engine
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.outcome import Outcome
from schemas.recipe import Recipe
from schemas.source import SourceRow

MOODS = [
    "cheerful",
    "raise",
    "sad",
    "defect",
    "calm",
    "kill",
    "absent",
    "nothing",
    "slow",
    "missing",
    "calm",
    "raise",
    "merry",
]
OTHERS = sorted(set(ENGINES) - {"local"})

pytestmark = [
    # What Ray and Beam warn of in their own code is theirs to mend.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(280),
]


def make_rows(folder: Path, moods: list[str]) -> list[SourceRow]:
    folder.mkdir()
    rows = []
    for index, mood in enumerate(moods):
        path = folder / f"{index}.txt"
        if mood != "missing":
            path.write_text(mood)
        rows.append(SourceRow(id=f"r{index}-{mood}", uri=str(path)))
    return rows


def files(store: Path) -> dict[str, bytes]:
    """All but the words on how a worker was killed: the signal is known to the one who was its parent."""
    found = {}
    for path in (store / "recordings").rglob("*"):
        if not path.is_file() or path.name == ".writable":
            continue
        data = path.read_bytes()
        if path.name.endswith(".failed.json") and json.loads(data)["error"] == "WorkerKilled":
            data = json.dumps({**json.loads(data), "message": ""}).encode()
        found[str(path.relative_to(store))] = data
    return found


def ends(outcomes: list[Outcome]) -> dict[tuple[str, str], str]:
    """What became of each step; what a batch had made before its worker died is found by the next as kept."""
    return {(one.recording, one.step): "made" if one.state == "kept" else one.state for one in outcomes}


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_store_byte_for_byte(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    rows = make_rows(tmp_path / "in", MOODS)
    told = {}
    for each in ("local", name):
        loads = tmp_path / f"loads-{each}"
        loads.mkdir()
        plan = Plan(Recipe(name="t", sources="x"), (Length(), Moody(batch=3, loads=str(loads)), After(), Uses()))
        told[each] = list(engine(each, 2).run(plan, rows, Store(str(tmp_path / each))))
        processes = [path.name.split("-")[0] for path in loads.iterdir()]
        assert processes
        assert len(set(processes)) == len(processes), "a model is loaded once in a process"
    assert ends(told[name]) == ends(told["local"])
    ours, theirs = files(tmp_path / "local"), files(tmp_path / name)
    assert sorted(theirs) == sorted(ours)
    assert {path for path, data in theirs.items() if data != ours[path]} == set()
    failed = {one.recording.split("-")[1] for one in told[name] if one.state == "failed"}
    assert failed == {"raise", "defect", "nothing", "missing", "kill"}
