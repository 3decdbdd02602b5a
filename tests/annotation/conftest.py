"""One Label Studio for the tests of this folder."""

import subprocess

import label_studio_server
import pytest


@pytest.fixture(scope="session")
def label_studio():
    """A running server; see tests/label_studio_server.py."""
    try:
        label_studio_server.program()
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"Label Studio cannot be installed here: {error}")
    with label_studio_server.running() as server:
        yield server
