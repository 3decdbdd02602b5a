"""The machine that this runs on, for reports."""

import os
import platform
import socket
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from schemas.run import Machine

_GPUS = Path("/proc/driver/nvidia/gpus")


def machine() -> Machine:
    """What it is."""
    processor = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if "model name" in line), processor)
    memory = None
    with suppress(ValueError, OSError):  # not every system tells
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return Machine(
        host=socket.gethostname(),
        system=f"{platform.system()} {platform.release()}",
        processor=processor,
        cores=cores(),
        memory_gb=memory,
        gpu=Path("/proc/driver/nvidia/version").exists(),
        python=platform.python_version(),
    )


def gpus() -> tuple[str, ...]:
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; only Linux tells."""
    count = sum(1 for _ in _GPUS.iterdir()) if _GPUS.is_dir() else 0
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None or not count:
        return tuple(str(number) for number in range(count))
    # CUDA takes them up to the first that it cannot know.
    return tuple(takewhile(lambda name: name and not name.startswith("-"), map(str.strip, allowed.split(","))))


def cores() -> int:
    """Those that this process may use; where the system does not tell (macOS), all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
