"""Makes the environment of a peer: its framework at a fixed version, and this working copy of rtaudio beside it.

    .venv/bin/python scripts/peers.py livekit|pipecat
    .venv/bin/python scripts/peers.py --types livekit|pipecat      reads our plug-in with the framework's own types

The two frameworks want versions of the same packages that exclude each other, so each has a folder of its own under
build/peers/. What is installed is fixed in bench/peers/<name>.txt. rtaudio is installed as an editable wheel, so that
changes need no new environment; it is built here, by the tools of .venv, and compiles nothing that is compiled already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setuptools import build_meta

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "build/peers"
PACKAGES = {"livekit": "livekit_agents", "pipecat": "pipecat"}


def main(name: str) -> None:
    """Makes build/peers/`name`, or brings it up to date."""
    requirements = ROOT / f"bench/peers/{name}.txt"
    folder = PEERS / name
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", requirements], check=True)
    os.chdir(ROOT)
    wheels = PEERS / "wheels"
    wheels.mkdir(exist_ok=True)
    wheel = build_meta.build_editable(str(wheels))
    subprocess.run([*pip, "--no-deps", "--force-reinstall", wheels / wheel], check=True)
    # The turn model, into a store of their own: tests and figures are not those of what a user happens to have.
    environment = {**os.environ, "RTAUDIO_MODELS": str(PEERS / "models")}
    subprocess.run([python, "-m", "rtaudio.cli", "models", "install"], env=environment, check=True)
    print(f"ready: {python.relative_to(ROOT)}", flush=True)


def check_types(name: str) -> None:
    """mypy on what concerns the peer `name`, which sees the framework's types here and nowhere else."""
    python = PEERS / name / "bin/python"
    command = [sys.executable, "-m", "mypy", "--python-executable", python, "--cache-dir", f".mypy_cache/{name}"]
    done = subprocess.run([*command, "--package", f"rtaudio.integrations.{PACKAGES[name]}"], cwd=ROOT)
    sys.exit(done.returncode)


if __name__ == "__main__":
    *options, chosen = sys.argv[1:] or [""]
    if chosen not in PACKAGES or options not in ([], ["--types"]):
        sys.exit(f"usage: scripts/peers.py [--types] {'|'.join(PACKAGES)}")
    (check_types if options else main)(chosen)
