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

from tests.support.ports import port_to_come_back_to
from tests.support.servers import until_ready

USER = "visus"
PASSWORD = "p@ss/w:rd#1%"  # noqa: S105 -- of the server that is made here
IN_A_URL = "p%40ss%2Fw%3Ard%231%25"
PATIENCE_S = 60


class Postgres:
    """A server with a password, which can be stopped, frozen and started again."""

    def __init__(self, *, certificate: bytes | None = None) -> None:
        """With a certificate and its key, in PEM, it speaks TLS."""
        self._folder = Path(tempfile.mkdtemp(prefix="visus-postgres-"))
        self._folder.chmod(0o755)
        self._data = self._folder / "data"
        self.port = port_to_come_back_to()
        self._numbers = count(1)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            for path in (self._folder, self._data, secret):
                shutil.chown(path, "postgres", "postgres")
        words = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", "-U", USER, f"--pwfile={secret}", *words, "-D", str(self._data))
        self._more = [] if certificate is None else self._with_tls(certificate)
        self.start()

    def _with_tls(self, certificate: bytes) -> list[str]:
        path = self._data / "certificate.pem"
        path.write_bytes(certificate)
        path.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")
        return ["ssl=on", f"ssl_cert_file={path}", f"ssl_key_file={path}"]

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 -- programs of the system
            [*_as_postgres(), str(_programs() / program), *words],
            cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "fsync=off"]
        options = [f"--{one}" for one in [*settings, "unix_socket_directories=", *self._more]]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 -- programs of the system
                [
                    *_as_postgres(),
                    str(_programs() / "postgres"),
                    "-D",
                    str(self._data),
                    *options,
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        log = self._folder / "log"
        until_ready(self._server, self._is_ready, log=log, patience_s=PATIENCE_S)

    def _is_ready(self) -> bool:
        asking = [str(_programs() / "pg_isready"), "-q", "-h127.0.0.1", f"-p{self.port}"]
        return subprocess.run(asking, check=False).returncode == 0  # noqa: S603 -- the same

    def stop(self) -> None:
        """Ends every connection, as a restart of the server does."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(PATIENCE_S)

    def crash(self) -> None:
        """Ends in the middle of everything, and is started again."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(PATIENCE_S)
        self.start()

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
        first = self._server.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

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


def _as_postgres() -> list[str]:
    """As anybody but root, which PostgreSQL demands; and it ends with the tests, however."""
    with_us = ["setpriv", "--pdeathsig=INT"]
    if os.geteuid() != 0:
        return with_us
    return [*with_us, "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _programs() -> Path:
    """Where the newest version is; Debian has only the clients on the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(versions, key=lambda path: int(path.parts[4])).parent
