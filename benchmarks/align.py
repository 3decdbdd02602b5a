"""How fast are measurements aligned with words, and does the cost grow with the length of the recording?

Compared with the rule of the CMU-MultimodalSDK on the same frames and words (180 words a minute, sound at 100 Hz x 74,
faces at 30 Hz x 35): the value of a word is the plain mean of every frame that touches it.

    python benchmarks/align.py [--cmu-python PYTHON]

Without `--cmu-python` the rule is run as written out below, which is what the SDK does without its bookkeeping. With
it, the SDK itself runs in that interpreter: a virtual environment with `pip install cmu-multimodal-sdk==0.0.6`.
Speeds are printed only after the outputs agree.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

SECONDS = (60, 600)
WORDS_PER_MINUTE = 180
TRACKS = {"sound": (100, 74), "faces": (30, 35)}
REPEATS = 7
CHILD = "--as-child"

Inputs = dict[str, np.ndarray]


def inputs(seconds: int) -> Inputs:
    """Spans in microseconds and values. Words lie on 5 ms, so that no overlap is under the SDK's tolerance of 1 ms."""
    rng = np.random.default_rng(seconds)
    words = seconds * WORDS_PER_MINUTE // 60
    slot = 60_000_000 // WORDS_PER_MINUTE // 5_000 * 5_000
    begin = np.arange(words) * slot + rng.integers(0, 10, words) * 5_000
    end = np.minimum(begin + rng.integers(20, 66, words) * 5_000, np.append(begin[1:], seconds * 1_000_000))
    made = {"words": np.stack([begin, end], axis=1)}
    for name, (rate, width) in TRACKS.items():
        edges = np.rint(np.arange(seconds * rate + 1) * 1e6 / rate).astype(np.int64)
        made[f"{name}_spans"] = np.stack([edges[:-1], edges[1:]], axis=1)
        made[f"{name}_values"] = rng.normal(5, 2, (seconds * rate, width)).astype(np.float32)
    return made


def rule(data: Inputs) -> Inputs:
    """The SDK's rule in words: for each word, look at every frame, average those that touch it."""
    out = {}
    for name in TRACKS:
        spans, values = data[f"{name}_spans"], data[f"{name}_values"]
        rows = []
        for start, end in data["words"]:
            shared = np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], start)
            rows.append(values[shared > 0].mean(axis=0))
        out[name] = np.stack(rows)
    return out


def sdk(data: Inputs) -> tuple[Inputs, float]:
    """The SDK's own alignment and the seconds it took. Runs where the SDK is installed."""
    import importlib.util
    import types

    found = importlib.util.find_spec("mmsdk")
    package = types.ModuleType("mmsdk")  # its top imports torch for another part of it
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["mmsdk"] = package
    from mmsdk import mmdatasdk

    with Path("/dev/null").open("w") as quiet:
        sys.stdout, screen = quiet, sys.stdout
        sys.stderr, errors = quiet, sys.stderr
        dataset = mmdatasdk.mmdataset({name: name for name in ("words", *TRACKS)})
        rows = {"words": (data["words"], np.zeros((len(data["words"]), 1), np.float32))}
        rows |= {name: (data[f"{name}_spans"], data[f"{name}_values"]) for name in TRACKS}
        for name, (spans, values) in rows.items():
            dataset.computational_sequences[name].data = {"clip": {"intervals": spans / 1e6, "features": values}}
            dataset.computational_sequences[name].metadata = {"root name": name}
        # The result is caught before it is wrapped, which would ask for metadata.
        dataset._mmdataset__set_computational_sequences = lambda made, **_: setattr(dataset, "made", made)  # noqa: SLF001
        started = time.process_time()
        dataset.align("words", collapse_functions=[lambda _, features: features.mean(axis=0)])
        seconds = time.process_time() - started
        sys.stdout, sys.stderr = screen, errors
    words = range(len(data["words"]))
    made = {name: np.concatenate([dataset.made[name][f"clip[{i}]"]["features"] for i in words]) for name in TRACKS}
    return made, seconds


def sdk_elsewhere(python: str, data: Inputs) -> tuple[Inputs, float]:
    """`sdk` in another interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        np.savez(given, **data)
        subprocess.run([python, __file__, CHILD, str(given), str(answer)], check=True)
        with np.load(answer) as made:
            return {name: made[name] for name in TRACKS}, float(made["seconds"])


def ours(data: Inputs, how: str) -> Inputs:
    from pipelines.segmenting.align import align
    from schemas.track import Track

    out = {}
    for name in TRACKS:
        spans, values = data[f"{name}_spans"], data[f"{name}_values"]
        track = Track(spans[:, 0] / 1e6, spans, values, tuple(f"c{i}" for i in range(values.shape[1])))
        out[name] = align(track, data["words"], how).values
    return out


def timed(call: Callable[[], Inputs]) -> tuple[Inputs, float]:
    """The median of some runs, in CPU-seconds: a busy machine does not spoil them as much."""
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        out = call()
        seconds.append(time.process_time() - started)
    return out, statistics.median(seconds)


def agree(one: Inputs, other: Inputs) -> None:
    for name in TRACKS:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-4)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cmu-python", help="an interpreter that has cmu-multimodal-sdk 0.0.6")
    asked = parser.parse_args(arguments)
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    ours(inputs(10), "mean")  # imports
    rate: dict[str, dict[int, float]] = {}
    for seconds in SECONDS:
        data = inputs(seconds)
        words = len(data["words"])
        same, touching_s = timed(lambda data=data: ours(data, "touching"))
        _, mean_s = timed(lambda data=data: ours(data, "mean"))
        plain, plain_s = timed(lambda data=data: rule(data))
        agree(plain, same)
        took = {"ours, mean by overlap": mean_s, "ours, touching": touching_s, "the rule, written out": plain_s}
        if asked.cmu_python:
            theirs, took["the SDK itself"] = sdk_elsewhere(asked.cmu_python, data)
            agree(theirs, same)
        for name, spent in took.items():
            rate.setdefault(name, {})[seconds] = words / spent
    short, long = SECONDS
    print("The outputs agree (relative 1e-4). Words a CPU-second; both tracks, one thread.")
    print(f"{'':24}{f'{short} s':>12}{f'{long} s':>12}{f'time {long}/{short}':>14}{f'ours faster at {long} s':>24}")
    for name, at in rate.items():
        growth = at[short] / at[long] * long / short
        ahead = rate["ours, mean by overlap"][long] / at[long]
        print(f"{name:24}{at[short]:12,.0f}{at[long]:12,.0f}{growth:14.1f}{ahead:24.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        with np.load(sys.argv[2]) as given:
            result, spent = sdk({name: given[name] for name in given.files})
        np.savez(sys.argv[3], seconds=spent, **result)
    else:
        main()
