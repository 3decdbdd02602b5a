"""The audit before a publication: of finished shards that nobody can load yet."""

from collections.abc import Sequence

from pipelines.auditing.audit import audit_of
from pipelines.auditing.opening import of_files
from pipelines.auditing.show import summary
from pipelines.publishing.place import Place, ShardFile
from schemas.audit import AuditReport
from schemas.errors import UsageError
from schemas.publication import Auditing

_MOST_TOLD = 3
_MOST_HEARD = 10_000
"""Samples of which sound and pictures are decoded at each publication, some 10 ms each."""


def audit_shards(
    place: Place, shards: Sequence[tuple[ShardFile, str, str]], name: str, licence: str | None, what: Auditing
) -> AuditReport | None:
    """The audit of what is about to be published; None where the recipe wants none.

    shards: each with the path it will have, `data/SPLIT-....parquet`, and its inputs. licence: of the dataset.

    Raises:
        UsageError: errors were found, and the recipe says that they stop a publication.
    """
    if what == "skip":
        return None
    files = [(path.removeprefix("data/").partition("-")[0], place.path_of(file)) for file, path, _ in shards]
    rows = sum(file.rows for file, _, _ in shards)
    opened = of_files(name, files, licence, None if place.is_local else place.fs)
    report = audit_of(opened, look=rows <= _MOST_HEARD)
    if report.errors and what == "stop":
        told = [
            f"{one.check}: {one.what}: {one.count:,}"
            + "".join(f"\n      {example}" for example in one.examples[:_MOST_TOLD])
            for one in report.errors
        ]
        raise UsageError(
            f"not published: the audit found errors ({summary(report)})\n    " + "\n    ".join(told),
            do="mend them, or write `audit: report` under `publish` to publish with them told in the card",
        )
    return report
