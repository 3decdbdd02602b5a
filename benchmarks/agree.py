"""Agreement with 1,000 bootstrap samples, as a ratio to a plain loop over libraries.

    python benchmarks/agree.py [--items 100000] [--raters 5] [--samples 1000] [--loop 3]

The loop resamples the table and calls `krippendorff.alpha` and `statsmodels` on each, where they are installed; it
is timed for a few samples and multiplied.
"""

import argparse
import importlib.util
import time

import numpy as np

from annotation.alpha import krippendorff_alpha
from annotation.bootstrap import interval
from annotation.icc import icc
from annotation.kappa import cohen_kappa, fleiss_kappa, gwet
from annotation.ratings import Ratings, Undefined


def table(items: int, raters: int) -> Ratings:
    """Five values; raters are right six times of ten."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 5, items)
    codes = np.where(random.random((items, raters)) < 0.6, truth[:, None], random.integers(0, 5, (items, raters)))
    names = tuple(f"{at:07}" for at in range(items))
    return Ratings(codes, (1, 2, 3, 4, 5), names, tuple(f"r{at}" for at in range(raters)))


def loops(one: Ratings, times: int) -> dict[str, float]:
    """Seconds of one resample by the libraries."""
    found = {}
    random = np.random.default_rng(1)
    made = {}
    if importlib.util.find_spec("krippendorff"):
        import krippendorff

        made["krippendorff nominal"] = lambda codes: krippendorff.alpha(
            codes.T.astype(float), level_of_measurement="nominal"
        )
    if importlib.util.find_spec("statsmodels"):
        from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

        made["fleiss"] = lambda codes: fleiss_kappa(aggregate_raters(codes)[0])
    for name, call in made.items():
        began = time.perf_counter()
        for _ in range(times):
            call(one.codes[random.integers(len(one.items), size=len(one.items))])
        found[name] = (time.perf_counter() - began) / times
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
        against = ""
        if name in loop:
            slow = loop[name] * told.samples
            against = f", loop {slow:.0f} s: {slow / took:.0f} times as long"
        print(f"{name}: {statistic.value():.4f} {between}, {took:.2f} s{against}")


if __name__ == "__main__":
    main()
