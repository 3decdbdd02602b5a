"""What the gates of a recipe leave out, and how the scores are distributed."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.engines.spread import Spread, here
from pipelines.sifting.rules import RULES
from schemas.artifact import Artifact, Opened
from schemas.errors import UsageError
from schemas.gates import Dropped, Gate, GatesTold, RuleTold, Scores
from schemas.source import Source
from schemas.step import Recording

A = TypeVar("A", bound=Artifact)
F = TypeVar("F", bound=Opened)
Gates = Mapping[str, Gate | None]

_PER_CENT = (0, 1, 5, 25, 50, 75, 95, 99, 100)
_BINS = 20
_PORTION = 64


def thresholds(gates: Gates) -> dict[str, Gate]:
    """The rules that may refuse a sample."""
    return {
        rule: gate
        for rule, gate in gates.items()
        if gate and (gate.least is not None or gate.most is not None or gate.unknown == "drop")
    }


def refused(scores: Scores, gates: Gates) -> NDArray[np.bool_]:
    """bool[S, rules with a threshold]: which rule refuses which sample."""
    each = [gate.refuses(scores.of(rule)) for rule, gate in thresholds(gates).items()]
    return np.stack(each, axis=1) if each else np.zeros((len(scores.index), 0), np.bool_)


def passed(recording: Recording, gates: Gates) -> Recording | None:
    """The recording with those samples that pass; None where none does. Without scores nothing is left out."""
    if not thresholds(gates) or not recording.has("scores"):
        return recording
    scores = recording.read("scores", Scores)
    out = refused(scores, gates).any(axis=1)
    if not out.any():
        return recording
    return None if out.all() else Sifted(recording, frozenset(scores.index[~out].tolist()))


class Sifted:
    """A recording with some of its samples. Reads what the recording has, writes nothing."""

    def __init__(self, recording: Recording, kept: frozenset[int]) -> None:
        self._recording = recording
        self._kept = kept

    @property
    def id(self) -> str:
        """As the recording's."""
        return self._recording.id

    @property
    def source(self) -> Source:
        """As the recording's."""
        return self._recording.source

    def has(self, kind: str) -> bool:
        """As the recording's."""
        return self._recording.has(kind)

    def failed(self, kind: str) -> bool:
        """As the recording's."""
        return self._recording.failed(kind)

    def read(self, kind: str, of: type[A]) -> A:
        """As the recording's."""
        return self._recording.read(kind, of)

    def open(self, kind: str, of: type[F]) -> AbstractContextManager[F]:
        """As the recording's."""
        return self._recording.open(kind, of)

    def write(self, kind: str, value: Artifact) -> None:
        """Nothing is written while publishing."""
        raise NotImplementedError

    def absent(self, kind: str, reason: str) -> None:
        """Nothing is written while publishing."""
        raise NotImplementedError

    def create(self, kind: str, suffix: str) -> AbstractContextManager[Path]:
        """Nothing is written while publishing."""
        raise NotImplementedError

    @contextmanager
    def local(self, kind: str) -> Iterator[Path]:
        """A file with the artifact; of the samples, one with those that are kept."""
        with self._recording.local(kind) as path:
            if kind != "samples":
                yield path
                return
            with tempfile.TemporaryDirectory(prefix="affectloom-") as folder:
                yield _with(path, self._kept, Path(folder) / "samples.parquet")


def _with(samples: Path, kept: frozenset[int], to: Path) -> Path:
    """Some rows of the file, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(samples) as file, pq.ParquetWriter(to, file.schema_arrow, compression="zstd") as writer:
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            rows = [at for at, index in enumerate(table["index"].to_pylist()) if index in kept]
            writer.write_table(table.take(pa.array(rows, pa.int64())))
    return to


def left_out_by(gates: Gates, told: GatesTold | None, recipe: Path) -> frozenset[str]:
    """Samples and recordings that gates leave out. Raises UsageError where some were never scored, or none passes."""
    if told is None:
        return frozenset()
    if told.unscored and thresholds(gates):
        raise UsageError(
            f"{len(told.unscored)} recordings have samples and no scores, such as {told.unscored[0]}",
            do="they were built before the gates were written: run `affectloom build` once more",
        )
    if told.samples and not told.kept:
        raise UsageError(
            f"the gates let none of {told.samples} samples pass",
            do=f"`affectloom gates {recipe}` shows the scores; choose other thresholds",
        )
    return frozenset((*told.emptied, *(one.sample for one in told.dropped)))


class Portion(NamedTuple):
    """Some of the ids."""

    number: int
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"the scores of {self.ids[0]} to {self.ids[-1]}"


@dataclass
class Seen:
    """The scores of a portion. of: each recording with scores, and its number of samples."""

    number: int
    of: list[tuple[str, int]] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    unscored: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What a worker does with a portion. Picklable."""

    open: Callable[[str], Recording | None]

    def __call__(self, portion: Portion) -> Seen:
        """Raises StoreError where scores cannot be read."""
        seen = Seen(portion.number)
        for name in portion.ids:
            recording = self.open(name)
            if recording is None or not recording.has("samples"):
                continue
            if recording.has("scores"):
                scores = recording.read("scores", Scores)
                seen.of.append((name, len(scores.index)))
                seen.scores.append(scores)
            else:
                seen.unscored.append(name)
        return seen


def tell(
    ids: Sequence[str], open_: Callable[[str], Recording | None], gates: Gates, spread: Spread = here
) -> GatesTold:
    """The distributions of all scores, and what the gates leave out. In the order of ids, whatever `spread` does."""
    order = sorted(set(ids))
    portions = (
        Portion(number, tuple(order[first : first + _PORTION]))
        for number, first in enumerate(range(0, len(order), _PORTION))
    )
    every = sorted(spread(Look(open_), portions), key=lambda seen: seen.number)
    of = [one for seen in every for one in seen.of]
    rules = list(gates)
    tables = [np.stack([one.of(rule) for rule in rules], axis=1) for seen in every for one in seen.scores]
    values = np.concatenate([np.zeros((0, len(rules)), np.float32), *tables])
    out = np.zeros(values.shape, np.bool_)
    for place, rule in enumerate(rules):
        gate = gates[rule]
        if gate is not None:
            out[:, place] = gate.refuses(values[:, place])
    samples = [
        (name, int(index))
        for seen in every
        for (name, _), one in zip(seen.of, seen.scores, strict=True)
        for index in one.index
    ]
    dropped = tuple(
        Dropped(
            sample=f"{samples[row][0]}#{samples[row][1]:04d}",
            rules={rules[at]: _number(values[row, at]) for at in np.flatnonzero(out[row])},
        )
        for row in np.flatnonzero(out.any(axis=1))
    )
    gone = np.asarray(out.any(axis=1), np.bool_)
    starts = np.cumsum([0, *(count for _, count in of)])
    emptied = tuple(
        name
        for (name, count), end in zip(of, starts[1:].tolist(), strict=True)
        if count and gone[end - count : end].all()
    )
    return GatesTold(
        samples=len(values),
        kept=int(len(values) - gone.sum()),
        rules=tuple(_told(rule, gates[rule] or Gate(), values[:, at], out, at) for at, rule in enumerate(rules)),
        dropped=dropped,
        emptied=emptied,
        unscored=tuple(name for seen in every for name in seen.unscored),
    )


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _told(rule: str, gate: Gate, scores: NDArray[np.float32], out: NDArray[np.bool_], at: int) -> RuleTold:
    known = scores[~np.isnan(scores)].astype(np.float64)
    counts, edges = np.histogram(known, _BINS) if len(known) else (np.zeros(0, np.int64), np.zeros(0))
    return RuleTold(
        rule=rule,
        what=RULES[rule].what,
        unit=RULES[rule].unit,
        least=gate.least,
        most=gate.most,
        judged=len(known),
        unknown=len(scores) - len(known),
        quantiles={str(each): round(float(np.percentile(known, each)), 4) for each in _PER_CENT} if len(known) else {},
        edges=tuple(round(float(edge), 6) for edge in edges),
        counts=tuple(counts.tolist()),
        dropped=int(out[:, at].sum()),
        alone=int((out[:, at] & (out.sum(axis=1) == 1)).sum()),
    )


_BLOCKS = " ▁▂▃▄▅▆▇█"


def lines_of(told: GatesTold) -> Iterator[str]:
    """For people to read: a rule's quantiles, its histogram from the least to the greatest, what it leaves out."""
    yield f"{'rule':<12}{'0 %':>9}{'5 %':>9}{'25 %':>9}{'50 %':>9}{'75 %':>9}{'95 %':>9}{'100 %':>9}{'unknown':>9}  "
    for one in told.rules:
        cells = [f"{one.quantiles[at]:>9.3g}" if one.quantiles else f"{'·':>9}" for at in _SHOWN]
        most = max(one.counts, default=0)
        bars = "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] for count in one.counts) if most else ""
        yield f"{one.rule:<12}{''.join(cells)}{one.unknown:>9}  {bars}"
    for one in told.rules:
        marks = (("<", one.least), (">", one.most))
        limits = " or ".join(f"{mark} {limit:g}" for mark, limit in marks if limit is not None)
        if limits or one.dropped:
            where = f" {limits} {one.unit}".rstrip()
            yield f"{one.rule}{where}: {one.dropped} samples left out, {one.alone} of them by this rule alone"
        yield f"    {one.what}"
    yield f"{told.kept} of {told.samples} samples pass"
    if told.emptied:
        yield f"recordings of which nothing passes: {len(told.emptied)}"
    if told.unscored:
        yield f"recordings that have no scores yet, and need a build: {len(told.unscored)}"


_SHOWN = ("0", "5", "25", "50", "75", "95", "100")


def notes_of(told: GatesTold | None) -> Iterable[str]:
    """For the dataset's card: what was left out, by rule."""
    if told is None:
        return
    by_rule = [f"`{one.rule}` {one.dropped}" for one in told.rules if one.dropped]
    if by_rule:
        gone = f"{told.samples - told.kept} of {told.samples}"
        yield f"Samples left out by the recipe's gates: {gone} ({', '.join(by_rule)})."
