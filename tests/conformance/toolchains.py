"""
The programs of this suite in other languages, compiled once and kept between runs.

What is kept is named after the source and the compiler, so a stale program is never asked.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
CREATE_VENV = Path(__file__).parents[2] / "scripts" / "create-venv"


@cache
def java_program() -> str:
    """Compile the judge in Java; returns the directory of its classes."""
    version = _said(["javac", "-version"])
    source = PROGRAMS / "Judge.java"
    return str(_compiled(source, version, lambda made: ["javac", "-d", str(made), str(source)]))


@cache
def go_program() -> str:
    """Compile the judge in Go; returns the program. A cold cache of Go's takes its minute."""
    compiler = str(Path(sys.executable).with_name("go"))
    source = PROGRAMS / "judge.go"
    made = _compiled(
        source,
        _said([compiler, "version"]),
        lambda made: [compiler, "build", "-o", str(made / "judge"), str(source)],
    )
    return str(made / "judge")


@cache
def sslyze() -> str:
    """Install sslyze apart from everything else; returns the Python that has it."""
    lock = PROGRAMS / "sslyze.lock"
    pip = ["-m", "pip", "--quiet", "install", "--require-hashes", "--requirement", str(lock)]

    def command(made: Path) -> list[str]:
        subprocess.run([CREATE_VENV, made], check=True, timeout=300)
        return [str(made / "bin" / "python"), *pip]

    return str(_compiled(lock, sys.version, command) / "bin" / "python")


def _compiled(source: Path, version: str, command: Callable[[Path], list[str]]) -> Path:
    digest = hashlib.sha256(source.read_bytes() + version.encode()).hexdigest()[:16]
    kept = _cache_directory() / f"{source.suffix[1:]}-{digest}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    # Renamed into place when it is whole: two workers may compile at once.
    made = Path(tempfile.mkdtemp(dir=kept.parent))
    environment = {
        **os.environ,
        "GOCACHE": str(kept.parent / "go-build"),
        "GOFLAGS": "-mod=mod",  # no module, no network
        "GOTOOLCHAIN": "local",
    }
    subprocess.run(command(made), env=environment, check=True, timeout=900)
    try:
        made.rename(kept)
    except OSError:
        shutil.rmtree(made)  # the other one was faster
    return kept


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "deployer-tests"


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
