"""Agreement with 1,000 bootstrap samples, as a ratio to a plain loop over libraries.

    python benchmarks/agree.py [--items 100000] [--raters 5] [--samples 1000] [--loop 3]

The loop resamples the table and calls `krippendorff`, `statsmodels` and `scikit-learn` on each, where they are
installed; it is timed for a few samples and multiplied. Values must be the same.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

from annotation.alpha import krippendorff_alpha
from annotation.bootstrap import interval
from annotation.icc import icc
from annotation.kappa import cohen_kappa, fleiss_kappa, gwet
from annotation.ratings import Ints, Ratings, Undefined


def table(items: int, raters: int) -> Ratings:
    """Five values; raters are right six times of ten."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 5, items)
    codes = np.where(random.random((items, raters)) < 0.6, truth[:, None], random.integers(0, 5, (items, raters)))
    names = tuple(f"{at:07}" for at in range(items))
    return Ratings(codes, (1, 2, 3, 4, 5), names, tuple(f"r{at}" for at in range(raters)))


def loops(one: Ratings, times: int) -> dict[str, tuple[float, float]]:
    """Of each statistic, the libraries' value of the whole table, and seconds of one resample by them."""
    found = {}
    random = np.random.default_rng(1)
    made: dict[str, Callable[[Ints], float]] = {}
    if importlib.util.find_spec("krippendorff"):
        import krippendorff

        def alpha(level: str) -> Callable[[Ints], float]:
            return lambda codes: float(krippendorff.alpha(codes.T.astype(float), level_of_measurement=level))

        made |= {f"krippendorff {level}": alpha(level) for level in ("nominal", "ordinal", "interval")}
    if importlib.util.find_spec("statsmodels"):
        from statsmodels.stats.inter_rater import aggregate_raters
        from statsmodels.stats.inter_rater import fleiss_kappa as theirs

        made["fleiss"] = lambda codes: float(theirs(aggregate_raters(codes)[0]))
    if importlib.util.find_spec("sklearn"):
        from sklearn.metrics import cohen_kappa_score

        made["cohen"] = lambda codes: float(np.mean([cohen_kappa_score(a, b) for a, b in combinations(codes.T, 2)]))
    for name, call in made.items():
        value = call(one.codes)
        began = time.perf_counter()
        for _ in range(times):
            call(one.codes[random.integers(len(one.items), size=len(one.items))])
        found[name] = value, (time.perf_counter() - began) / times
    return found


def main() -> None:
    read = argparse.ArgumentParser()
    for name, default in (("items", 100_000), ("raters", 5), ("samples", 1000), ("loop", 3)):
        read.add_argument(f"--{name}", type=int, default=default)
    told = read.parse_args()
    one = table(told.items, told.raters)
    loop = loops(one, told.loop)
    made = {
        "fleiss": fleiss_kappa,
        "gwet": gwet,
        "cohen": cohen_kappa,
        "icc": icc,
        "krippendorff nominal": lambda given: krippendorff_alpha(given, "nominal"),
        "krippendorff ordinal": lambda given: krippendorff_alpha(given, "ordinal"),
        "krippendorff interval": lambda given: krippendorff_alpha(given, "interval"),
    }
    for name, make in made.items():
        began = time.perf_counter()
        statistic = make(one)
        assert not isinstance(statistic, Undefined)
        between = interval(statistic, told.samples)
        took = time.perf_counter() - began
        value = statistic.value()
        assert not isinstance(value, Undefined)
        against = ""
        if name in loop:
            meant, seconds = loop[name]
            slow = seconds * told.samples
            assert abs(meant - value) < 1e-9, f"{name}: {value}, by the library {meant}"
            against = f", loop {slow:.0f} s: {slow / took:.0f} times as long"
        print(f"{name}: {value:.4f} {between}, {took:.2f} s{against}")


if __name__ == "__main__":
    main()
