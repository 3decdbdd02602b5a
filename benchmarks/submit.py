"""How long from `ray job submit` to the first recording done? And does a job that was stopped go on?

A head on loopback, two cores; talking faces of ten seconds; decode, faces, prosody, speech, samples. One job is
followed to its end. Another is stopped in the middle and submitted again. A third is sent with nothing but its recipe,
where affectloom is installed from its wheel. The stores are compared, byte for byte, with one that the local engine
made. The transcript is printed with the seconds since the command was given.

    python benchmarks/submit.py [--recordings 12]
"""

import argparse
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from measure import AFFECTLOOM, ONE_THREAD, ROOT, machine
from media import clips

RECIPE = """
name: submit
sources: media/*.mp4
segment: {by: sentence}
measure:
  speech: {model: tiny.en, language: en}
  faces: {fps: 5, max_faces: 1}
  prosody: {}
"""
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
RAY = Path(sys.executable).with_name("ray")


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def head(folder: Path) -> Iterator[str]:
    """A Ray of two cores on loopback; gives the address of its jobs."""
    dashboard = free_port()
    ports = ("port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "ray-client-server-port")
    ours = (
        "--node-ip-address=127.0.0.1",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard}",
        *(f"--{port}={free_port()}" for port in ports),  # the usual ones may be another Ray's on this machine
    )
    child = subprocess.Popen(
        [
            str(RAY),
            "start",
            "--head",
            "--block",
            "--num-cpus=2",
            "--disable-usage-stats",
            *ours,
        ],
        stdout=(folder / "head.txt").open("w"),
        stderr=subprocess.STDOUT,
        env={**os.environ, **TOKEN, "PATH": f"{RAY.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    address = f"http://127.0.0.1:{dashboard}"
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{address}/api/jobs/", headers={"Authorization": f"Bearer {TOKEN['RAY_AUTH_TOKEN']}"}
    )
    try:
        for _ in range(240):
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):  # noqa: S310 - loopback
                break
            if child.poll() is not None:
                sys.exit(f"Ray did not start: {(folder / 'head.txt').read_text()[-2000:]}")
            time.sleep(0.5)
        else:
            sys.exit("Ray's job server did not answer within 2 minutes")
        for _ in range(60):  # its agent comes up after the server
            trial = job(address, "submit", "--", "true")
            said = trial.communicate()[0]
            if not trial.returncode:
                break
            time.sleep(1)
        else:
            sys.exit(f"Ray takes no job:\n{said[-2000:]}")
        yield address
    finally:
        child.terminate()
        child.wait(60)


def job(address: str, *arguments: str) -> subprocess.Popen[str]:
    """A `ray job` command."""
    return subprocess.Popen(
        [str(RAY), "job", arguments[0], f"--address={address}", *arguments[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD, **TOKEN, "NO_COLOR": "1"},
    )


def installed(folder: Path) -> Path:
    """Affectloom from its wheel, in a folder of its own; what it needs stays where it is."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    wheel = next(folder.glob("affectloom-*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def done(store: Path) -> int:
    """How many recordings have their samples."""
    return sum(1 for _ in store.glob("recordings/*/samples.*"))


def followed(child: subprocess.Popen[str], store: Path) -> dict[str, float]:
    """Print what a command says, with its seconds; tell when the first recording was there, and done."""
    started = time.monotonic()
    moments: dict[str, float] = {}

    def watch() -> None:
        while child.poll() is None and "first recording done" not in moments:
            for what, pattern in (("first acquired", "*/source.json"), ("first recording done", "*/samples.*")):
                if what not in moments and next(store.glob(f"recordings/{pattern}"), None):
                    moments[what] = round(time.monotonic() - started, 1)
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for line in child.stdout or ():
        if line.strip():
            print(f"  {time.monotonic() - started:6.1f} | {line.rstrip()}")
    watcher.join()
    code = child.wait()
    moments["end"] = round(time.monotonic() - started, 1)
    if code:
        sys.exit(f"the command ended with {code}")
    return moments


def bytes_of(store: Path) -> dict[str, bytes]:
    """Every file of the recordings."""
    root = store / "recordings"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=12)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "media").mkdir()
        clips(folder / "media", told.recordings, 10, (320, 180))
        recipe = folder / "recipe.yaml"
        recipe.write_text(RECIPE)
        stores = {name: folder / name for name in ("local", "followed", "stopped", "wheel")}
        build = ["affectloom", "build", str(recipe), "--engine", "ray", "--store"]
        print(f"{told.recordings} recordings of 10 s; {machine()}")
        with head(folder) as address:
            print("ray job submit --working-dir . --", *build, "followed")
            moments = followed(
                job(address, "submit", "--working-dir=.", "--", *build, str(stores["followed"])), stores["followed"]
            )
            print(json.dumps(moments))
            print("ray job submit --no-wait --submission-id once --working-dir . --", *build, "stopped")
            command = [*build, str(stores["stopped"])]
            job(address, "submit", "--no-wait", "--submission-id=once", "--working-dir=.", "--", *command).communicate()
            while done(stores["stopped"]) < told.recordings // 3:
                time.sleep(0.1)
            print("ray job stop once")
            print(job(address, "stop", "once").communicate()[0].strip())
            before = {path for path in bytes_of(stores["stopped"]) if "samples." in path}
            print(f"  {len(before)} of {told.recordings} recordings were done")
            print("ray job submit --working-dir . --", *build, "stopped")
            print(json.dumps(followed(job(address, "submit", "--working-dir=.", "--", *command), stores["stopped"])))
            site = installed(folder)
            (folder / "project").mkdir()
            (folder / "project" / "recipe.yaml").write_text(RECIPE.replace("media/", f"{folder}/media/"))
            where = f"--runtime-env-json={json.dumps({'env_vars': {'PYTHONPATH': str(site)}})}"
            sent = ("submit", f"--working-dir={folder / 'project'}", where, "--")
            said = job(address, *sent, "python", "-c", "import pipelines; print(pipelines.__file__)").communicate()[0]
            if str(site / "pipelines") not in said:
                sys.exit(f"the job did not take the wheel's affectloom:\n{said}")
            command = [str(site / "bin" / "affectloom"), *build[1:2], "recipe.yaml", *build[3:], str(stores["wheel"])]
            print("ray job submit --working-dir project --", *command)
            print(json.dumps(followed(job(address, *sent, *command), stores["wheel"])))
        subprocess.run(
            [*AFFECTLOOM, "build", str(recipe), "--store", str(stores["local"]), "--quiet"],
            check=True,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)},
        )
        calm = bytes_of(stores["local"])
        for name in ("followed", "stopped", "wheel"):
            print(f"{name}: {'the same bytes as' if bytes_of(stores[name]) == calm else 'NOT the bytes of'} local")


if __name__ == "__main__":
    main()
