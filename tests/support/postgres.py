"""A PostgreSQL server of one's own: made for the tests, on loopback, gone with them."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.support.ports import free_ports

USER = "visus"
PASSWORD = "p@ss/w:rd#1%"  # noqa: S105 -- of the server that is made here
IN_A_URL = "p%40ss%2Fw%3Ard%231%25"
PATIENCE_S = 60


class Postgres:
    """A server with a password, which can be stopped, frozen and started again."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="visus-postgres-"))
        self._folder.chmod(0o755)
        self._data = self._folder / "data"
        self.port = free_ports(1)[0]
        self._numbers = count(1)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            for path in (self._folder, self._data, secret):
                shutil.chown(path, "postgres", "postgres")
        words = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", "-U", USER, f"--pwfile={secret}", *words, "-D", str(self._data))
        self.start()

    def _run(self, program: str, *words: str) -> None:
        """PostgreSQL runs as anybody but root."""
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run(  # noqa: S603 -- programs of the system
            [*prefix, str(_programs() / program), *words],
            cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def _control(self, *words: str) -> None:
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-t", str(PATIENCE_S), *words)

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off"
        self._control("-w", "-o", f"{options} -c unix_socket_directories=", "start")

    def stop(self) -> None:
        """Ends every connection, as a restart of the server does."""
        self._control("-w", "-m", "fast", "stop")

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and statements, and answers none."""
        everybody = self._processes()
        for process in everybody:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in everybody:
                os.kill(process, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """The server's own, the first first."""
        first = (self._data / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [int(first), *map(int, children)]

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, name: str, *, user: str = USER, password: str = IN_A_URL) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def database(self, *options: str) -> str:
        """The name of a new, empty database."""
        name = f"visus_{next(self._numbers)}"
        self._run("createdb", *options, f"--maintenance-db={self.url('postgres')}", name)
        return name


def _programs() -> Path:
    """Where the newest version is; Debian has only the clients on the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(versions, key=lambda path: int(path.parts[4])).parent
