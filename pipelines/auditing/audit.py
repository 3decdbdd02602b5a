"""Audit a dataset: open it, say which column means what, gather, check."""

from collections.abc import Callable, Sequence
from contextlib import closing

from pipelines.auditing.check import Check
from pipelines.auditing.checks import CHECKS
from pipelines.auditing.gather import gather
from pipelines.auditing.opening import Opened, opened
from pipelines.auditing.roles import Roles, guess, shown, told
from pipelines.auditing.samples import Samples
from schemas.audit import SEVERITIES, AuditReport, Finding, Unchecked
from schemas.errors import UsageError


def audit(
    where: Sequence[str],
    columns: Sequence[str] = (),
    *,
    licence: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> AuditReport:
    """What can be found wrong with a dataset.

    Args:
        where: a folder, files (Parquet, CSV, TSV, JSON, JSON lines), or one id on the Hugging Face hub.
        columns: what a person says of its columns: `speaker=Actor`, `recording=Season+Episode`.
        licence: of the dataset, where its card does not say.
        progress: called with the number of rows seen.

    Raises:
        UsageError: there is nothing to audit, or `columns` names what is not there.
    """
    dataset = opened(where)
    if licence is not None:
        dataset = Opened(dataset.name, dataset.parts, licence)
    return audit_of(dataset, columns, progress=progress)


def audit_of(
    dataset: Opened,
    columns: Sequence[str] = (),
    *,
    progress: Callable[[int], None] | None = None,
    look: bool = True,
) -> AuditReport:
    """What can be found wrong with an opened dataset. look: decode sound and pictures too. Raises UsageError."""
    roles = roles_of(dataset, columns)
    samples = gather(dataset, roles, progress, look=look)
    if not samples.rows:
        raise UsageError(f"{dataset.name} has no rows", do="check that it is the right folder or file")
    return checked(dataset.name, samples, roles)


def roles_of(dataset: Opened, columns: Sequence[str] = ()) -> Roles:
    """Which column of a dataset means what. Raises UsageError."""
    names: dict[str, None] = {}
    classes: dict[str, None] = {}
    for part in dataset.parts:
        with closing(part.batches()) as batches:
            first = next(batches, None)
        own = first.schema.names if first is not None else []
        if len(set(own)) < len(own):
            twice = next(name for name in own if own.count(name) > 1)
            raise UsageError(f"{dataset.name} has two columns {twice!r}", do="rename one")
        names |= dict.fromkeys(own)
        for name, feature in part.metadata.items():
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
                classes[name] = None
    return told(guess(list(names), list(classes)), columns, list(names))


def checked(name: str, samples: Samples, roles: Roles, checks: Sequence[Check] = CHECKS) -> AuditReport:
    """The findings of all checks that can be made, the worst first."""
    findings: list[Finding] = []
    done: list[str] = []
    unchecked: list[Unchecked] = []
    for check in checks:
        lacks = check.lacking(samples)
        if lacks:
            unchecked.append(Unchecked(check=check.name, lacks=lacks))
        else:
            done.append(check.name)
            findings += check.find(samples)
    split = samples.named.get("split")
    splits = dict(zip(split.names, split.counts.tolist(), strict=True)) if split is not None else {}
    return AuditReport(
        dataset=name,
        rows=samples.rows,
        splits=splits,
        columns=shown(roles),
        findings=tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        checked=tuple(done),
        unchecked=tuple(unchecked),
    )
