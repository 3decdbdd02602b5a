"""The built wheel, installed away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dataset_cards.viewer.page import SCRIPTS
from pipelines.recipes.catalogue import recipes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.splitlines() if listed.returncode == 0 else []
    if not names:
        pytest.skip("no git checkout here, so what belongs to the wheel is not known")
    for name in names:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("affectloom-*.whl"))


def test_it_holds_the_rooms_and_the_demo_and_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "schemas",
        "extractors",
        "pipelines",
        "annotation",
        "dataset_cards",
    }
    held = set(names)
    assert {"pipelines/demo/recipe.yaml", "pipelines/demo/sources.csv", "dataset_cards/card.md"} <= held
    assert {"dataset_cards/viewer/viewer.html", "dataset_cards/viewer/viewer.css"} <= held
    assert {f"dataset_cards/viewer/{name}" for name in SCRIPTS} <= held
    assert {"pipelines/demo/media/talk.mp4", "schemas/py.typed"} <= held
    assert {str(path.relative_to(ROOT)) for one in recipes() for path in one.files} <= held
    assert wheel.stat().st_size < 3_000_000


def test_it_works_from_another_folder(wheel: Path, tmp_path: Path):
    home = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(home), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    work = tmp_path / "work"
    work.mkdir()
    (work / "note.txt").write_text("I like it.")
    (work / "recipe.yaml").write_text("name: tiny\nsources: note.txt\nsegment: {by: whole}\n")
    env = {**os.environ, "PYTHONPATH": str(home), "PYTHONSAFEPATH": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import pipelines; print(pipelines.__file__)"],
        cwd=work, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(home))
    affectloom = [sys.executable, "-c", "from pipelines.cli import main; main()"]
    for arguments in (["plan", "recipe.yaml"], ["build", "recipe.yaml"], ["publish", "recipe.yaml", "--out", "out"]):
        done = subprocess.run([*affectloom, *arguments], cwd=work, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "out" / "README.md").is_file()
