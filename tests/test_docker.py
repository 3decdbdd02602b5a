"""Images and manifests: what linters say, and that every path, extra and command in them exists here."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from pipelines import cli

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
IMAGES = sorted(DOCKER.glob("*.Dockerfile"))
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
JOB = yaml.safe_load((DOCKER / "rayjob.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, name
    return found


def templates() -> list[dict[str, Any]]:
    cluster = JOB["spec"]["rayClusterSpec"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def commands() -> list[tuple[str, str]]:
    """Where and what, for each command of ours that is written there."""
    pages = [*IMAGES, DOCKER / "compose.yaml", DOCKER / "rayjob.yaml", DOCKER / "README.md"]
    lines = [(path.name, line) for path in pages for line in path.read_text().splitlines() if line[:1] != "#"]
    found = [(name, said) for name, line in lines for said in re.findall(r"(?<![/\w:])affectloom ([a-z].*)", line)]
    return [*found, *((image.name, "doctor") for image in IMAGES if '["affectloom", "doctor"]' in image.read_text())]


def test_the_linter_of_dockerfiles_is_content():
    assert {path.name for path in IMAGES} == {"cpu.Dockerfile", "gpu.Dockerfile"}
    done = subprocess.run([tool("hadolint"), *map(str, IMAGES)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_is_what_its_specification_asks_for():
    check = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DOCKER / "compose.yaml")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_pods_are_what_kubernetes_asks_for():
    for number, spec in enumerate(templates()):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}"}, "spec": spec}
        kubernetes_validate.validate(pod, "1.30", strict=True)


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_what_an_image_takes_is_there_and_is_sent(image: Path):
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    taken = [
        name for names in re.findall(r"^COPY (.+) \S+$", image.read_text(), re.MULTILINE) for name in names.split()
    ]
    assert {"pyproject.toml", "schemas", "pipelines"} <= set(taken)
    for name in taken:
        assert (ROOT / name).exists(), name
        assert name in sent, name
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert packages <= set(taken)


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_the_extras_are_the_projects(image: Path):
    (extras,) = re.findall(r'"\.\[([\w,-]+)\]"', image.read_text())
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_commands_and_their_options_are_ours():
    group: Any = typer.main.get_command(cli.app)
    assert len(commands()) >= 4
    for where, said in commands():
        ours = said.split("`")[0].split(" -- ")[0].split()
        command = group.commands.get(ours[0])
        assert command is not None, f"{where}: {said}"
        known = {text for option in command.params for text in option.opts}
        assert {word.split("=")[0] for word in ours if word.startswith("--")} <= known, f"{where}: {said}"


def test_one_ray_for_all_and_files_that_are_there():
    wanted = {
        version for image in IMAGES for version in re.findall(r"ray\[data,default\]==([\d.]+)", image.read_text())
    }
    assert wanted == {str(JOB["spec"]["rayClusterSpec"]["rayVersion"])}
    ours = [service["build"] for service in COMPOSE["services"].values() if "build" in service]
    assert ours
    for build in ours:
        assert (DOCKER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
    named = set(re.findall(r"docker/[\w.]+", (DOCKER / "README.md").read_text())) - {"docker/.env"}
    assert {"docker/compose.yaml", "docker/rayjob.yaml"} <= named
    assert all((ROOT / name).is_file() for name in named)
    used = {container["image"] for spec in templates() for container in spec["containers"]}
    assert used <= {f"affectloom:{path.name.removesuffix('.Dockerfile')}" for path in IMAGES}


def test_nothing_is_open_to_the_network_and_no_secret_is_written_down():
    for name, service in COMPOSE["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        for key, value in service.get("environment", {}).items():
            if re.search(r"TOKEN|SECRET|PASSWORD|USER|KEY|MC_HOST", key) and "SIGNUP" not in key:
                assert "${" in value, f"{name}: {key}"
    for image in IMAGES:
        assert re.findall(r"^USER (\S+)$", image.read_text(), re.MULTILINE)[-1:] == ["1000"]
    for spec in templates():
        assert spec["securityContext"]["runAsNonRoot"] is True
