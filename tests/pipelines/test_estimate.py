"""What many recordings would take: sums that can be done by hand, and figures that are those of a real build."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import work
from pipelines.reporting.estimate import estimate, told
from pipelines.reporting.report import reports
from pipelines.store import Store
from schemas.errors import UsageError
from schemas.estimate import Figures, StepFigure

DEMO = Path(work.__file__).parent / "demo" / "media"
RECIPE = "name: few\nsources: '*.flac'\nsegment: {by: whole}\nmeasure: {prosody: {}}\npublish: {media: [audio]}\n"
COMMAND = [sys.executable, "-c", "from pipelines.cli import main; main()"]

MEASURED = Figures(
    measured="by hand",
    recordings=10,
    length_s=30.0,
    steps=(
        StepFigure(step="probe", share=1.0, seconds=0.36, grows=False, requests=4),
        StepFigure(step="watch", share=1.0, seconds=3.6, requests=5),
        StepFigure(step="see", share=0.5, seconds=7.2, gpus=0.5, requests=6),
    ),
    stored={"audio": 1000.0, "faces": 500.0},
    published=2_000_000.0,
)


def test_the_sums_are_those_done_by_hand():
    found = estimate(MEASURED, 100, recordings=1000, length_s=60.0, cpus=10, gpus=1)
    hours = {step.step: step.hours for step in found.steps}
    assert hours == pytest.approx({"probe": 0.1, "watch": 2.0, "see": 2.0})
    assert found.cpu_hours == pytest.approx(4.1)
    assert found.gpu_hours == pytest.approx(1.0)
    assert found.stored == pytest.approx(1000 * 1500 * 2)
    assert found.published == pytest.approx(4e9)
    assert found.shards == 80
    assert found.requests == 1000 * (4 + 5 + 3)
    assert sum(step.of_all for step in found.steps) == pytest.approx(1)


def test_what_is_waited_for_is_what_is_named():
    many_cores = estimate(MEASURED, 100, recordings=1000, length_s=30.0, cpus=100, gpus=1)
    assert (many_cores.bottleneck, many_cores.hours) == ("see", pytest.approx(0.5))
    many_gpus = estimate(MEASURED, 100, recordings=1000, length_s=90.0, cpus=1, gpus=100)
    assert many_gpus.hours == pytest.approx(0.1 + 3.0 + 3.0)
    assert "waits; most of it for see" in told(many_cores)


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="steps on a GPU"):
        estimate(MEASURED, 100, recordings=1, length_s=None, cpus=1, gpus=0)
    without = MEASURED.model_copy(update={"length_s": None})
    with pytest.raises(UsageError, match="have no length"):
        estimate(without, 100, recordings=1, length_s=60, cpus=1, gpus=1)
    assert estimate(without, 100, recordings=1, length_s=None, cpus=1, gpus=1).length_s is None


def test_a_real_build_is_what_the_estimate_for_as_many_says(tmp_path: Path):
    for number in range(3):
        shutil.copy(DEMO / "voice.flac", tmp_path / f"{number}.flac")
    (tmp_path / "r.yaml").write_text(RECIPE)

    def run(*arguments: str, code: int = 0) -> str:
        command = [*COMMAND, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    assert "build a few of your recordings first" in run("plan", "r.yaml", "--estimate", code=2)
    run("build", "r.yaml", "--quiet")
    found = json.loads(run("plan", "r.yaml", "--estimate", "--json"))
    (report,) = reports(Store(str(tmp_path / "store")))
    assert found["recordings"] == 3
    assert found["cpu_hours"] * 3600 == pytest.approx(report.runs[0].busy_s, abs=0.01)
    sizes = sum(
        path.stat().st_size for path in tmp_path.glob("store/recordings/*/*") if not path.name.startswith("source.")
    )
    assert found["stored"] == pytest.approx(sizes)

    (tmp_path / "figures.json").write_text(json.dumps(found))
    shutil.rmtree(tmp_path / "store")
    asked = ("plan", "r.yaml", "--estimate", "--figures", "figures.json", "--recordings", "3000", "--minutes", "10")
    many = json.loads(run(*asked, "--json"))
    assert many["stored"] == pytest.approx(sizes * 1000 * 600 / found["length_s"])
    assert "3,000 recordings of 10 min 00 s" in run(*asked)
    (tmp_path / "figures.json").write_text("{}")
    assert "figures.json holds no figures" in run(*asked, code=2)


def test_a_step_that_never_ran_is_not_guessed(tmp_path: Path):
    shutil.copy(DEMO / "voice.flac", tmp_path / "a.flac")
    (tmp_path / "r.yaml").write_text(RECIPE)
    work.build(tmp_path / "r.yaml", str(tmp_path / "store"), workers=1)
    (tmp_path / "r.yaml").write_text(RECIPE.replace("prosody: {}", "prosody: {hop_ms: 20}"))
    with pytest.raises(UsageError, match=r"what prosody\.praat\.v1 takes"):
        work.estimate(
            tmp_path / "r.yaml",
            str(tmp_path / "store"),
            recordings=None,
            minutes=None,
            cpus=None,
            gpus=0,
            figures=None,
        )
