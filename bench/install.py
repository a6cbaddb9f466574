"""Everything that a run needs, made once in the work directory: programs, pictures, peers."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import pictures
from bench.peers import BENCH

WHEELS = {"tensorzero": "tensorzero", "litellm": "litellm[proxy]"}
"""Peers from PyPI, each in a virtual environment of its own."""

PORTKEY = ("@portkey-ai/gateway@1.15.2", "@hono/node-server@1.3.3", "hono@4.9.7")


def prepare(work: Path, peers: Sequence[str]) -> None:
    """Build and install what is missing."""
    (work / "nginx").mkdir(parents=True, exist_ok=True)
    for program in ("mock", "load"):
        _build(BENCH / "src" / f"{program}.c", work / program)
    pictures.make(work / "img")
    for peer in peers:
        _install(peer, work)


def _build(source: Path, program: Path) -> None:
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        _call("cc", "-O2", "-o", str(program), str(source))


def _install(peer: str, work: Path) -> None:
    if peer == "nginx" and shutil.which("nginx") is None:
        _install_nginx()
    elif peer in WHEELS and not (work / peer / "installed").exists():
        _call(sys.executable, "-m", "venv", str(work / peer))
        _call(str(work / peer / "bin" / "pip"), "-q", "install", WHEELS[peer])
        (work / peer / "installed").touch()
    elif peer == "portkey" and not (work / peer / "node_modules").exists():
        _call("npm", "install", "--silent", "--prefix", str(work / peer), *PORTKEY)


def _install_nginx() -> None:
    root = [] if shutil.which("sudo") is None else ["sudo"]
    say(f"Installing nginx-light from Debian{' with sudo' if root else ''}.")
    _call(*root, "apt-get", "-qq", "update")
    _call(*root, "apt-get", "-qq", "install", "-y", "nginx-light")


def say(line: str) -> None:
    """One line of progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _call(*command: str) -> None:
    subprocess.run(command, check=True)
