"""The rooms, the arrows between them, and what importing them costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.house import ROOMS, check_house
from schemas.errors import UsageError

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "schemas": set(),
    "extractors": {"schemas"},
    "annotation": {"schemas"},
    "dataset_cards": {"schemas"},
    "pipelines": {"schemas", "extractors", "annotation", "dataset_cards"},
}
HEAVY = {"torch", "ray", "apache_beam", "mediapipe", "librosa", "transformers", "datasets", "label_studio_sdk"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_rooms_go_one_way(room: str):
    assert modules(room)
    for path in modules(room):
        foreign = imported(path) & set(ROOMS) - {room} - MAY_IMPORT[room]
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_importing_everything_loads_nothing_heavy():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS
        for path in modules(room)
        if path.name != "make_media.py"
    ]
    script = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print(sorted(set(m.split('.')[0] for m in sys.modules) & {HEAVY!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_no_room_has_a_file_named_for_nothing():
    names = {path.stem for room in ROOMS for path in modules(room)}
    assert not names & {"utils", "util", "helpers", "common", "base", "manager", "misc", "core"}


def test_a_foreign_package_of_the_same_name_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    check_house()
    (tmp_path / "intruder").mkdir()
    (tmp_path / "intruder" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=f"'intruder' would be taken from {tmp_path}/intruder"):
        check_house(("schemas", "intruder"))
