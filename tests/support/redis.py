"""A Redis server of one's own: made for the tests, on loopback, gone with them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from tests.support.ports import port_to_come_back_to
from tests.support.servers import until_ready

PASSWORD = "r@di/s:pw#7%"  # noqa: S105 -- of the server that is made here
IN_A_URL = "r%40di%2Fs%3Apw%237%25"
PATIENCE_S = 20


class RedisProcess:
    """A server with a password that keeps nothing; it can be stopped, frozen, started again."""

    def __init__(self, *, certificate: bytes | None = None) -> None:
        """With a certificate and its key, in PEM, it speaks TLS and nothing else."""
        self._folder = Path(tempfile.mkdtemp(prefix="visus-redis-"))
        self._certificate = None if certificate is None else self._folder / "certificate.pem"
        if self._certificate is not None and certificate is not None:
            self._certificate.write_bytes(certificate)
        self.port = port_to_come_back_to()
        self._numbers = count()
        self.start()

    def start(self) -> None:
        settings = [
            *self._ports(), "bind 127.0.0.1", "save ''", "appendonly no", "databases 1000",
            f"dir {self._folder}", f'requirepass "{PASSWORD}"',
        ]  # fmt: skip
        (self._folder / "redis.conf").write_text("\n".join(settings))
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 -- a program of the system
                ["setpriv", "--pdeathsig=TERM", "redis-server", self._folder / "redis.conf"],  # noqa: S607 -- a program of the system
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        log = self._folder / "log"
        until_ready(self._server, self._is_ready, log=log, patience_s=PATIENCE_S)

    def _ports(self) -> list[str]:
        path = self._certificate
        if path is None:
            return [f"port {self.port}"]
        files = [f"tls-cert-file {path}", f"tls-key-file {path}", f"tls-ca-cert-file {path}"]
        return ["port 0", f"tls-port {self.port}", *files, "tls-auth-clients no"]

    def _is_ready(self) -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def stop(self) -> None:
        """Ends every connection and forgets everything."""
        self._server.terminate()
        self._server.wait(PATIENCE_S)

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and commands, and answers none."""
        os.kill(self._server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._server.pid, signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, *, password: str = IN_A_URL, number: int | None = None) -> str:
        """Of a database that nobody else has, unless one is named."""
        number = next(self._numbers) if number is None else number
        scheme = "redis" if self._certificate is None else "rediss"
        return f"{scheme}://:{password}@127.0.0.1:{self.port}/{number}"
