"""Is a build that was killed again and again the same, byte for byte, as one that nobody disturbed?

The recipe is built once in peace. Then it is built in another store and the whole process group is killed (SIGKILL)
at random moments, and started again each time; at last it is left alone. Artifacts and the published dataset of both
are compared.

    python benchmarks/kill.py [RECIPE] [KILLS] [SEED]
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from pipelines.demonstrate import write_recipe

COMMAND = [sys.executable, "-c", "from pipelines.cli import main; main()"]
ENV = {**os.environ, "AFFECTLOOM_SALT": "the same for both"}


def hashes(folder: Path) -> dict[str, str]:
    """Every file's SHA-256."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def start(recipe: Path, store: Path) -> subprocess.Popen[bytes]:
    """A build in a process group of its own."""
    command = [*COMMAND, "build", str(recipe), "--store", str(store), "--quiet"]
    return subprocess.Popen(command, env=ENV, start_new_session=True)


def publish(recipe: Path, store: Path, out: Path) -> None:
    """The dataset of a store."""
    command = [*COMMAND, "publish", str(recipe), "--store", str(store), "--out", str(out), "--quiet"]
    subprocess.run(command, env=ENV, check=True)


def main(recipe: Path | None, kills: int, seed: int) -> None:
    """Build, kill, resume, compare."""
    console = Console()
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if recipe is None:
            recipe = folder / "recipe.yaml"
            write_recipe(recipe, console)
        started = time.monotonic()
        code = start(recipe, folder / "calm").wait()
        took = time.monotonic() - started
        publish(recipe, folder / "calm", folder / "calm-dataset")
        console.print(f"undisturbed: {took:.1f} s, exit code {code}")
        done = 0
        while done < kills:
            build = start(recipe, folder / "killed")
            # Most of a run is work that a kill can lose: moments are spread over all of it, the start included.
            moment = dice.uniform(0.2, max(1.0, took * 0.6))
            try:
                build.wait(timeout=moment)
                console.print(f"  finished before {moment:.1f} s: begun anew")
                subprocess.run(["rm", "-r", str(folder / "killed")], check=True)
                continue
            except subprocess.TimeoutExpired:
                os.killpg(build.pid, signal.SIGKILL)
                build.wait()
            done += 1
            made = sum(1 for _ in (folder / "killed").rglob("*.*.*"))
            console.print(f"  kill {done} after {moment:.1f} s: {made} artifacts so far")
        assert start(recipe, folder / "killed").wait() == code
        publish(recipe, folder / "killed", folder / "killed-dataset")
        for what in ("calm/recordings", "calm-dataset"):
            calm, killed = hashes(folder / what), hashes(folder / what.replace("calm", "killed"))
            left = {path for path in killed if "/.part-" in path}
            different = [path for path in calm if calm[path] != killed.get(path)]
            more = set(killed) - set(calm) - left
            assert not different, different
            assert not more, more
            console.print(f"{what}: {len(calm)} files, byte-identical")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        Path(arguments[0]) if arguments else None,
        int(arguments[1]) if len(arguments) > 1 else 10,
        int(arguments[2]) if len(arguments) > 2 else 0,
    )
