"""The Beam engine: a pipeline of one transform a step, on whatever runner its options name.

The driver writes the source rows to pages in the store, and the pipeline reads them in parts; what became of them the
driver reads from files that the workers write there while the pipeline goes on. Between transforms only ids travel.
"""

import argparse
import importlib
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.engines.beam_running import LOOK_FAR_S, LOOK_S, Running, run_folder, sweep
from pipelines.engines.beam_spread import spread
from pipelines.engines.beam_stages import (
    FAILED,
    TOLD,
    Acquire,
    Crew,
    Parts,
    Rows,
    Stage,
    Tell,
    Work,
    page,
    told_in,
)
from pipelines.engines.spread import Spread, Workers
from pipelines.machine import cores, gpus
from pipelines.plan import Plan
from pipelines.runner import ACQUIRE
from pipelines.store import Store
from schemas.errors import UsageError
from schemas.outcome import Outcome
from schemas.source import SourceRow

DIRECT = "FnApiRunner"
"""Beam's own runner in this process. `DirectRunner` would look for another one on the network first."""
PAGE = 10_000
_PART_MOST = 16
_PARTS_A_THREAD = 4
_THREADS_A_WORKER = 4
"""Threads only wait for children. The runner deals all parts out at once: with more threads than children, no child is
idle while another still has much to do."""
_THREADS_ELSEWHERE = 100
"""A guess of how many bundles another runner works on at a time."""
_ABOUT_OPTIONS = "https://beam.apache.org/documentation/programming-guide/#configuring-pipeline-options"


class BeamEngine:
    """Runs a plan as a Beam pipeline. Options are Beam's pipeline options; without `--runner`, the direct runner here.

    workers: child processes for each process of Beam's workers; by default one for each core.
    """

    def __init__(self, workers: int | None = None, *, retry: bool = False, options: Sequence[str] = ()) -> None:
        _import_quietly()
        self.retry = retry
        self.given = workers
        self.workers = workers or cores()
        self.options, self.is_direct = _options(self.workers, options)
        self.address = "local" if self.is_direct else "elsewhere"

    def run(self, plan: Plan, rows: Iterable[SourceRow], store: Store) -> Iterator[Outcome]:
        """Outcomes as they come, or at the end, where the runner keeps them. Raises what ends a run: see Runner.run."""
        if not store.is_shared:
            raise UsageError(
                f"the store {store.url} is in this process's memory, where Beam's workers do not see it",
                do="give a folder or an fsspec URL, or use the local engine",
            )
        if store.is_local and not self.is_direct:
            print(  # noqa: T201 - for the person who starts the run
                f"the store {store.root} is a folder: it and the media must be the same wherever the runner's workers "
                "are (this machine, a shared file system); else give --store an fsspec URL, such as s3://",
                file=sys.stderr,
            )
        sweep(store)
        folder = run_folder(store)
        try:
            count = _write(rows, store, folder)
            if count:
                yield from self._run(plan, store, folder, count)
        finally:
            with suppress(OSError):
                store.fs.rm(folder, recursive=True)

    @contextmanager
    def spreading(self, store: Store) -> Iterator[Spread]:
        """Work that is not a recording's step: processes of this machine; pipelines, where the runner is elsewhere."""
        if self.is_direct:
            with Workers(self.workers) as processes:
                yield processes
        else:
            sweep(store)
            yield partial(spread, self.options, store)

    def _run(self, plan: Plan, store: Store, folder: str, count: int) -> Iterator[Outcome]:
        from apache_beam.utils.shared import Shared

        shared = Shared()
        crew_of = partial(Crew, plan, store.url, f"{folder}/told", self.workers if self.is_direct else self.given)
        ours = shared.acquire(crew_of)  # the workers' too, where they are threads of this process
        pipeline = _pipeline(
            self.options,
            [Parts(folder, PAGE, self._part(count)), Rows(), Acquire(retry=self.retry)],
            plan,
            count,
            partial(shared.acquire, crew_of),
        )
        running = Running(pipeline)
        told = _Told(store, f"{folder}/told", len(plan.lineage.steps) + 1)
        try:
            running.start()
            while running.is_alive():
                running.join(LOOK_S if store.is_local else LOOK_FAR_S)
                yield from told.read()
            yield from told.read()
            running.check(ours.fault)
        finally:
            ours.end(UsageError("the run was stopped"))
            running.cancel()
            ours.close()

    def _part(self, count: int) -> int:
        """Rows that travel together: few enough that all threads have some, and that one slow part holds nobody up."""
        threads = self.workers * _THREADS_A_WORKER if self.is_direct else _THREADS_ELSEWHERE
        return min(_PART_MOST, max(1, count // (_PARTS_A_THREAD * threads)))


def _import_quietly() -> None:
    """Beam tells of clouds whose libraries are not there: of no use to who does not use them."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        importlib.import_module("apache_beam")
    finally:
        logging.disable(before)


def _options(workers: int, given: Sequence[str]) -> tuple[Any, bool]:
    """Beam's own object, and whether the pipeline runs in this process. Raises UsageError."""
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    flags = list(given)
    known, unknown = _parsed(flags)
    runner = known.runner or DIRECT
    is_direct = runner.rpartition(".")[2] == DIRECT
    if is_direct:
        if unknown:
            raise UsageError(f"the runner {runner} does not know {' '.join(unknown)}", do=f"see {_ABOUT_OPTIONS}")
        flags += [] if known.runner else [f"--runner={runner}"]
        if not any(flag.startswith("--direct_") for flag in flags):
            threads = workers * _THREADS_A_WORKER
            flags += ["--direct_running_mode=multi_threading", f"--direct_num_workers={threads}"]
    else:
        # Runners start workers with `python` from the path, which is to be this one.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if not any(flag.startswith("--default_sdk_harness_log_level") for flag in flags):
        flags.append("--default_sdk_harness_log_level=WARNING")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    options = PipelineOptions(flags)
    options.view_as(StandardOptions)
    return options, is_direct


def _parsed(flags: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    from apache_beam.options import pipeline_options

    parser = pipeline_options._BeamArgumentParser(allow_abbrev=False)  # noqa: SLF001 - PipelineOptions only warns
    for kind in pipeline_options.PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)  # noqa: SLF001 - what its subclasses are asked to define
    try:
        known, unknown = parser.parse_known_args(list(flags))
    except SystemExit as error:
        raise UsageError(f"Beam does not take the options {' '.join(flags)}", do=f"see {_ABOUT_OPTIONS}") from error
    return known, unknown


def _pipeline(options: Any, first: Sequence[Stage], plan: Plan, count: int, hire: Callable[[], Crew]) -> Any:
    """Pages, their parts, dealt out anew; rows; then acquiring and the steps, one after the other in one place."""
    import apache_beam as beam

    class Do(beam.DoFn):  # type: ignore[misc]  # Beam has no types here
        def __init__(self, stage: Stage) -> None:
            self.stage = stage

        def setup(self) -> None:
            self.stage.begin(hire())

        def process(self, element: Any) -> Iterator[Any]:
            for tag, value in self.stage.do(element):
                yield value if tag is None else beam.pvalue.TaggedOutput(tag, value)

        def finish_bundle(self) -> None:
            self.stage.end()

    def told(stage: Stage, name: str, elements: Any) -> Any:
        """What goes on. No Flatten: the direct runner would keep all outcomes in memory until the end."""
        made = elements | name >> beam.ParDo(Do(stage)).with_outputs(TOLD, FAILED, main="on")
        for tag in (TOLD, FAILED):
            made[tag] | f"{name}/{tag}" >> beam.ParDo(Do(Tell()))
        return made.on

    parts, rows, acquire = first
    pipeline = beam.Pipeline(options=options)
    ids = told(
        acquire,
        ACQUIRE,
        pipeline
        | "pages" >> beam.Create(range(-(-count // PAGE)))
        | "parts" >> beam.ParDo(Do(parts))
        | "deal" >> beam.Reshuffle()
        | "rows" >> beam.ParDo(Do(rows)),
    )
    for index, step in enumerate(plan.lineage.steps):
        # What Beam's workers have is not known here; a batch in a worker without a GPU is done one by one.
        size = step.needs.where(len(gpus())).batch
        batches = ids | f"{step.key}/batch" >> (
            beam.BatchElements(size, size, record_metrics=False) if size > 1 else beam.Map(lambda one: [one])
        )
        ids = told(Work(index), step.key, batches)
    return pipeline


class _Told:
    """Outcomes that workers told. A runner that tries a bundle again tells of it again: the first word counts.

    width: outcomes of a recording. One bit each is remembered.
    """

    def __init__(self, store: Store, folder: str, width: int) -> None:
        self._store = store
        self._folder = folder
        self._width = width
        self._known = bytearray()

    def read(self) -> Iterator[Outcome]:
        """Those that are new. The files are removed."""
        for name in sorted(self._store.listing(self._folder)):
            if name.startswith(".") or not name.endswith(".jsonl"):
                continue
            path = f"{self._folder}/{name}"
            with self._store.fs.open(path) as file:
                for line in file:
                    number, index, told = told_in(line)
                    if self._is_new(number * self._width + index + 1):
                        yield told
            self._store.fs.rm_file(path)

    def _is_new(self, place: int) -> bool:
        byte, bit = divmod(place, 8)
        if byte >= len(self._known):
            self._known.extend(bytes(byte + 1024 - len(self._known)))
        new = not self._known[byte] >> bit & 1
        self._known[byte] |= 1 << bit
        return new


def _write(rows: Iterable[SourceRow], store: Store, folder: str) -> int:
    """Write the rows to pages; how many rows there are."""
    iterator = iter(rows)
    count = 0
    for number in itertools.count():
        lines = [row.model_dump_json() + "\n" for row in itertools.islice(iterator, PAGE)]
        if not lines:
            return count
        store.write(page(folder, number), "".join(lines).encode())
        count += len(lines)
    raise AssertionError
