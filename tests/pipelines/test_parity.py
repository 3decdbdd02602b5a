"""Every engine makes the same store and the same dataset of the same sources, bad ones among them."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from steps_for_tests import Fated

from pipelines import work
from pipelines.engines import ENGINES, engine
from pipelines.engines.ray import RayEngine
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.outcome import Outcome

DEMO = Path(__file__).parents[2] / "pipelines" / "demo" / "media"
FATES = [
    "calm",
    "raise",
    "calm",
    "kill",
    "calm",
    "slow",
    "defect",
    "calm",
    "nothing",
    "missing",
    "merry",
    "raise",
    "sad",
]
MEDIA = {0: "voice.flac", 4: "reply.mp4"}
BAD = {"raise", "kill", "defect", "nothing", "missing"}
OTHERS = sorted(set(ENGINES) - {"local"})
A_POOL_A_STEP = "ray with a pool for each step"
OPTIONS = {"beam": ["--direct_running_mode=in_memory"]}
"""One thread: with the many of the direct runner's default, so few recordings never meet in a batch."""

pytestmark = [
    # What Ray and Beam warn of in their own code is theirs to mend.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(280),
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the demo's clips and eleven texts, named for their fates."""
    folder = tmp_path_factory.mktemp("recipe")
    lines = ["id,path,text"]
    for index, fate in enumerate(FATES):
        media = "missing.mp4" if fate == "missing" else MEDIA.get(index, "")
        lines.append(f"r{index}-{fate},{media},{'' if media else f'I am {fate}.'}")
        if index in MEDIA:
            shutil.copy(DEMO / media, folder)
    (folder / "s.csv").write_text("\n".join(lines))
    (folder / "recipe.yaml").write_text(
        "name: parity\nsources: s.csv\nsegment: {by: whole}\nmeasure: {prosody: {}}\npublish: {media: [audio]}\n"
    )
    return folder / "recipe.yaml"


def build(recipe: Path, name: str, folder: Path) -> list[Outcome]:
    """The recipe's own plan, but for what befalls recordings."""
    loaded = work.load(recipe)
    (folder / "marks").mkdir(parents=True)
    steps = tuple(
        Fated(marks=str(folder / "marks")) if step.key == Fated.key else step for step in loaded.plan.lineage.steps
    )
    plan = Plan(loaded.recipe, steps)
    told = [
        *engine(name, 2, options=OPTIONS.get(name, ())).run(plan, work.rows_of(loaded), Store(str(folder / "store")))
    ]
    work.publish(recipe, str(folder / "store"), folder / "dataset", workers=1)
    return told


@pytest.fixture(scope="module")
def local(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Outcome]]:
    folder = tmp_path_factory.mktemp("local")
    return folder, build(recipe, "local", folder)


def files(folder: Path) -> dict[str, bytes]:
    """All but the words on how a worker was killed: the signal is known to the one who was its parent."""
    found = {}
    for path in folder.rglob("*"):
        if not path.is_file() or path.name == ".writable":
            continue
        data = path.read_bytes()
        if path.name.endswith(".failed.json") and json.loads(data)["error"] == "WorkerKilled":
            data = json.dumps({**json.loads(data), "message": ""}).encode()
        found[str(path.relative_to(folder))] = data
    return found


def ends(outcomes: list[Outcome]) -> dict[tuple[str, str], str]:
    """What became of each step; what a batch had made before its worker died is found by the next as kept."""
    return {(one.recording, one.step): "made" if one.state == "kept" else one.state for one in outcomes}


def expect_right(folder: Path, told: list[Outcome]) -> None:
    """What every engine owes, whatever the others do."""
    failed = {one.recording.split("-")[1] for one in told if one.state == "failed"}
    assert failed == BAD, "the bad fail, and no neighbour with them"
    times = Counter((one.recording, one.step) for one in told)
    assert set(times.values()) == {1}, "each step is told of once"
    steps = Counter(recording for recording, _ in times)
    missing = next(one for one in steps if one.endswith("missing"))
    assert steps.pop(missing) == 1
    assert set(steps.values()) == {len({one.step for one in told})}, "what failed is told of at all later steps"
    marks = [path.name.split("-") for path in (folder / "marks").iterdir()]
    loads = [mark[1] for mark in marks if mark[0] == "load"]
    assert loads
    assert len(set(loads)) == len(loads), "a model is loaded once in a process"
    deaths = [int(mark[1]) for mark in marks if mark[0] == "kill"]
    assert max(deaths) > 1, "the killer met unfinished neighbours"
    assert deaths.count(1) >= 2, "and killed alone before it was given up"


def test_local_does_what_every_engine_owes(local: tuple[Path, list[Outcome]]):
    expect_right(*local)
    assert len({one.recording for one in local[1]}) == len(FATES)


@pytest.fixture
def engine_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An engine, set so that the few recordings travel together as they would where there are many."""
    import ray

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr("pipelines.engines.ray_feed._SHARE", 1)
    monkeypatch.setattr("pipelines.engines.ray_feed._UNKNOWN", 6)
    if request.param == A_POOL_A_STEP:
        RayEngine(40)._connect()  # it believes in so many cores that neighbours need not share a pool
    yield request.param.partition(" ")[0]
    ray.shutdown()


@pytest.mark.parametrize("engine_name", [*OTHERS, A_POOL_A_STEP], indirect=True)
def test_the_same_store_and_dataset_byte_for_byte(
    engine_name: str, recipe: Path, local: tuple[Path, list[Outcome]], tmp_path: Path
):
    told = build(recipe, engine_name, tmp_path)
    expect_right(tmp_path, told)
    assert ends(told) == ends(local[1])
    for part in ("store/recordings", "dataset"):
        ours, theirs = files(local[0] / part), files(tmp_path / part)
        assert ours
        assert sorted(theirs) == sorted(ours)
        different = {path for path, data in theirs.items() if data != ours[path]}
        assert different == set(), different
