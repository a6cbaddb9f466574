"""The gateways under comparison: rows of `peers.toml`, started, pinned and stopped alike."""

import getpass
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import msgspec

from bench import processes
from bench.traffic import Answers, Target, one_answer, reachable
from bench.workloads import Ask, Upstream, Workload, chat_body, gemini_body

BENCH = Path(__file__).resolve().parent
GATEWAY_CORE = 1
START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 8.0
POLL_S = 0.01


class GeminiFace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a peer is asked for the model behind the Gemini dialect."""

    model: str
    headers: dict[str, str] = {}


class Peer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of `peers.toml`; the file's head says what the fields may hold."""

    command: list[str] = []
    config: str = ""
    config_more: str = ""
    port: int = 0
    port20: int = 0
    port_from_log: str = ""
    path: str = "/v1/chat/completions"
    path20: str = ""
    model: str = "mock"
    model20: str = "mock20"
    headers: dict[str, str] = {}
    headers20: dict[str, str] = {}
    key_file: str = ""
    gemini: GeminiFace | None = None
    gemini_path: str = ""
    stop: str = "SIGTERM"


def catalogue() -> dict[str, Peer]:
    """Every peer that the harness knows, by name."""
    rows = (BENCH / "peers.toml").read_bytes()
    return msgspec.toml.decode(rows, type=dict[str, Peer])


@dataclass(slots=True, kw_only=True)
class Gateway:
    """A peer on this machine: perhaps running, with its port and key once they are known.

    Invariant: `process` is None or a process that `stop` will end.
    """

    name: str
    peer: Peer
    work: Path
    older: Path | None = None
    port: int = 0
    key: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    cold_starts_s: list[float] = field(default_factory=list[float])

    @property
    def is_ours_to_start(self) -> bool:
        """Whether there is a command; the mock itself has none."""
        return bool(self.peer.command)

    @property
    def log(self) -> Path:
        """What the gateway printed since its last start."""
        return self.work / f"run-{self.name}.log"

    def pids(self) -> list[int]:
        """The gateway's process and its descendants."""
        return processes.tree(self.process.pid) if self.process else []

    def start(self) -> float:
        """Start, pinned to its core, with no state left over; seconds to the first answer."""
        command = self._command()
        began = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(GATEWAY_CORE), *command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.work,
                start_new_session=True,
            )
        while not self._answers():
            self._refuse_to_wait_in_vain(began)
            time.sleep(POLL_S)
        cold_s = time.perf_counter() - began
        self.cold_starts_s.append(cold_s)
        return cold_s

    def stop(self) -> None:
        """End the process politely, then everything that it left behind."""
        process, self.process = self.process, None
        if process is None:
            return
        family = processes.tree(process.pid)
        process.send_signal(signal.Signals[self.peer.stop])
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            for pid in reversed(family):
                _kill(pid)
            process.wait(STOP_DEADLINE_S)

    def target(self, workload: Workload, *, pictures: Path) -> Target | None:
        """The request of a workload as this peer wants it; None if it cannot be asked."""
        peer, path = self.peer, self.peer.path
        port, model, headers = self.port or peer.port, peer.model, dict(peer.headers)
        match workload.upstream:
            case Upstream.PACED:
                port, path = peer.port20 or port, peer.path20 or path
                model, headers = peer.model20, dict(peer.headers20 or headers)
            case Upstream.GEMINI if peer.gemini_path:
                return self._gemini_itself(workload, pictures)
            case Upstream.GEMINI:
                if peer.gemini is None:
                    return None
                model, headers = peer.gemini.model, dict(peer.gemini.headers or headers)
            case Upstream.AT_ONCE:
                pass
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        body = chat_body(workload.ask, model=model, pictures=pictures)
        return Target(self.name, port=port, path=path, headers=headers, body=body)

    def _gemini_itself(self, workload: Workload, pictures: Path) -> Target:
        streamed = workload.ask is Ask.PICTURE_STREAM
        verb = ":streamGenerateContent?alt=sse" if streamed else ":generateContent"
        path = self.peer.gemini_path + verb
        body = gemini_body(pictures)
        return Target(self.name, port=self.peer.port, path=path, headers={}, body=body)

    def _command(self) -> list[str]:
        """The command line, after the state is emptied and the configuration rendered."""
        state, config = self.work / f"{self.name}-state", self.work / f"{self.name}.conf"
        shutil.rmtree(state, ignore_errors=True)
        self.key, self.port = "", self.peer.port
        names = {
            "work": str(self.work),
            "bench": str(BENCH),
            "root": str(BENCH.parent),
            "older": str(self.older),
            "python": sys.executable,
            "user": getpass.getuser(),
            "state": str(state),
            "config": str(config),
        }
        if self.peer.config:
            files = filter(None, (self.peer.config, self.peer.config_more))
            text = "\n".join((BENCH / "configs" / one).read_text() for one in files)
            config.write_text(Template(text).substitute(names))
        return [Template(word).substitute(names) for word in self.peer.command]

    def _answers(self) -> bool:
        """Whether port and key are known and a text question has been answered."""
        if self.peer.port_from_log and not self.port:
            found = re.search(self.peer.port_from_log, self.log.read_text())
            self.port = int(found[1]) if found else 0
        if self.peer.key_file and not self.key:
            file = Path(Template(self.peer.key_file).substitute(state=self._state()))
            self.key = file.read_text().strip() if file.exists() else ""
        if not self.port or (self.peer.key_file and not self.key) or not reachable(self.port):
            return False
        answer = self._first_question()
        return answer.ok == 1

    def _state(self) -> str:
        return str(self.work / f"{self.name}-state")

    def _first_question(self) -> Answers:
        workload = Workload("first", Ask.TEXT, Upstream.AT_ONCE, "text")
        target = self.target(workload, pictures=self.work)
        if target is None:
            raise SystemExit(f"{self.name} cannot be asked for text.")
        return one_answer(target, work=self.work)

    def _refuse_to_wait_in_vain(self, began: float) -> None:
        code = self.process.poll() if self.process else None
        late = time.perf_counter() - began > START_DEADLINE_S
        if code is not None or late:
            tail = self.log.read_text(errors="replace")[-2000:]
            happened = f"ended with {code}" if code is not None else "did not answer in time"
            raise SystemExit(f"{self.name} {happened}:\n{tail}")


def _kill(pid: int) -> None:
    subprocess.run(["kill", "-KILL", str(pid)], check=False, capture_output=True)
