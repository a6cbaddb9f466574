"""A real vLLM in a process of its own, started and stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Final

NAME: Final = "Qwen3-VL-30B-A3B-Instruct-FP8"
KEY: Final = "sk-upstream-of-vllm"
BLANKS: Final = "ĠĊčĉ"
"""Space, line feed, carriage return and tab, as a byte-level vocabulary spells them."""
STRUCTURED: Final = '{"backend": "xgrammar", "disable_any_whitespace": true}'
"""Random weights would fill an object with white space."""
START_S: Final = 900.0
"""It takes one to two minutes on an idle machine, and much longer on a busy one."""


class Engine:
    """`vllm serve` with the tiny model, for 16,384 tokens with four pictures and a film."""

    def __init__(self, folder: Path, log: Path) -> None:
        """`folder` is what `environment.py` made; the server's words go to `log`."""
        self.port = _free_port()
        self._folder = folder
        self._log = log
        binaries = folder / "venv" / "bin"
        command = [
            str(binaries / "vllm"), "serve", str(folder / "model"),
            "--host", "127.0.0.1", "--port", str(self.port), "--served-model-name", NAME,
            "--api-key", KEY, "--dtype", "float32", "--max-model-len", "16384",
            "--limit-mm-per-prompt", '{"image": 4, "video": 1}', "--trust-request-mm-kwargs",
            "--allowed-media-domains", "nowhere.invalid",
            "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
            "--structured-outputs-config", STRUCTURED,
            "--skip-mm-profiling", "--enforce-eager", "--distributed-executor-backend", "uni",
        ]  # fmt: skip
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 -- what we installed
                command,
                env=_environment(folder),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        """Returns once it answers.

        Raises:
            RuntimeError: it ended, or is not up in time; with its last words.
        """
        end_s = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < end_s:
            if self._is_healthy():
                return
            time.sleep(0.5)
        self.stop()
        raise RuntimeError(f"vLLM did not start:\n{self._log.read_text()[-4000:]}")

    def stop(self) -> None:
        """Ends it with all its processes."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(20)
                except subprocess.TimeoutExpired:
                    continue

    def white_space(self) -> dict[str, int]:
        """A bias against every token of blanks alone: random weights draw little else."""
        tokenizer = json.loads((self._folder / "model" / "tokenizer.json").read_text())
        words: dict[str, int] = tokenizer["model"]["vocab"]
        return {str(number): -100 for word, number in words.items() if set(word) <= set(BLANKS)}

    def measured(self, name: str) -> float:
        """One of its metrics, all labels together."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/metrics", timeout=10
        ) as page:
            text = page.read().decode()
        found = re.findall(rf"^vllm:{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2):
                return True
        except OSError:
            return False


def _environment(folder: Path) -> dict[str, str]:
    venv = folder / "venv"
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("VISUS_", "OPENAI_", "OTEL_"))
    }
    return clean | {
        "VLLM_TARGET_DEVICE": "cpu",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_LOOPBACK_IP": "127.0.0.1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "LD_PRELOAD": str(venv / "lib" / "libiomp5.so"),
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
