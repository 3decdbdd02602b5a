"""What is asked of the machine, also of one that tells less than Linux does."""

import os

import pytest

from pipelines.doctor import examine
from pipelines.engines.local import LocalEngine
from pipelines.machine import cores, machine


def test_cores_are_those_that_this_process_may_use():
    assert cores() == len(os.sched_getaffinity(0))


def test_where_the_system_tells_no_affinity_all_cores_count(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores() == 7
    assert machine().cores == 7
    assert LocalEngine().workers == 7
    assert {finding.what: finding.detail for finding in examine()}["cores"] == "7"
