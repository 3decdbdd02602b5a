"""A Beam pipeline on its way, and the folder of the store where its workers find and leave what the driver knows."""

import os
import re
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from pipelines.engines.beam_stages import fault_in
from pipelines.store import Store, alive
from schemas.errors import AffectloomError, UsageError

LOOK_S = 0.2
LOOK_FAR_S = 3.0
_END_S = 20.0
_FOLDER = re.compile(r"beam-(?P<host>.+)-(?P<pid>\d+)-\d+")


def run_folder(store: Store) -> str:
    """A folder for one run, that `sweep` knows again."""
    return f"{store.root}/runs/beam-{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"


def sweep(store: Store) -> None:
    """Remove what runs of this machine left behind that were killed."""
    for name in store.listing(f"{store.root}/runs"):
        found = _FOLDER.fullmatch(name)
        if found and found["host"] == socket.gethostname() and not alive(int(found["pid"])):
            with suppress(OSError):
                store.fs.rm(f"{store.root}/runs/{name}", recursive=True)


class Running(threading.Thread):
    """A pipeline on its way: some runners come back from `run` only at its end."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__(name="affectloom-beam", daemon=True)
        self._pipeline = pipeline
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """To its end, keeping what went wrong for the driver's own thread."""
        try:
            self._result = self._pipeline.run()
            state = self._result.wait_until_finish()
            if state != "DONE":
                self._error = UsageError(f"the pipeline ended as {state}", do="the runner's own log says why")
        except BaseException as error:  # noqa: BLE001 - raised again by `check`
            self._error = error

    def check(self, fault: AffectloomError | None = None) -> None:
        """Raise what went wrong, as the local engine would. fault: what is known of it here."""
        if self._error is None:
            return
        fault = fault or fault_in(str(self._error))
        if fault is not None:
            raise fault from self._error
        raise self._error

    def cancel(self) -> None:
        """End it, where the runner lets us; one in this process ends because its crew does."""
        if self.is_alive() and self._result is not None:
            with suppress(NotImplementedError, RuntimeError):
                self._result.cancel()
        self.join(_END_S if self.is_alive() else None)
