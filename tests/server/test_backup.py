"""What is backed up while Visus serves can be served again elsewhere, as the documents say."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import pytest
from tests.conftest import FAST
from tests.support.postgres import Postgres
from tests.support.service import ROOT, Service

PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
WAITING_S = 10.0
PICTURE = bytes(range(256)) * 4000


def typed(heading: str, nth: int, state: Path, backup: Path, **environment: str) -> None:
    """Runs the nth commands under a heading of the page, with other folders."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[nth]
    commands = commands.replace("/var/lib/visus", str(state))
    commands = commands.replace("/var/backups/visus", str(backup))
    assert str(state) in commands
    assert str(backup) in commands
    done = subprocess.run(  # noqa: S603 -- what our own page says
        ["sh", "-euc", commands], capture_output=True, text=True, check=False,  # noqa: S607 -- any shell
        env=os.environ | environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def new_key(state: Path, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", "keys", "create", "laptop", "--state", str(state)],
        capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip
    return done.stdout.strip()


class Uploading:
    """Somebody who uploads one small file after the other, until told to stop."""

    def __init__(self, service: Service) -> None:
        self.made: dict[str, bytes] = {}
        self._service = service
        self._is_over = threading.Event()
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._began.wait(WAITING_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            data = f"file {len(self.made)}".encode()
            self.made[self._service.upload(data)] = data
            self._began.set()


def content(service: Service, file: str, key: str) -> tuple[int, bytes]:
    reply = service.get(f"/v1/files/{file}/content", Authorization=f"Bearer {key}")
    return reply.status, reply.body


def carry_over(folder: Path, nth: int, *databases: dict[str, str]) -> None:
    """Backs an installation up while it is used, and goes on with the backup elsewhere."""
    old_folder, new_folder, backup = (folder / name for name in ("old", "new", "backup"))
    old_folder.mkdir()
    new_folder.mkdir()
    here, there = databases
    old = Service(old_folder, FAST, **here)
    try:
        laptop, first = new_key(old_folder / "state", **here), old.key
        old.key = laptop
        kept = old.upload(PICTURE)
        with Uploading(old) as uploading:
            typed("Back up", nth, old_folder / "state", backup, **here)
        late = old.upload(b"after the backup")
        assert content(old, kept, laptop) == (200, PICTURE)
    finally:
        assert old.stop() == 0

    typed("Restore", nth, new_folder / "state", backup, **there)
    new = Service(new_folder, FAST, **there)
    try:
        assert new.key == first
        assert content(new, kept, laptop) == (200, PICTURE)
        assert content(new, kept, first)[0] == 404
        assert content(new, late, laptop)[0] == 404
        assert content(new, kept, "sk-visus-" + "x" * 43)[0] == 401
        found = {file: content(new, file, laptop) for file in uploading.made}
        whole = [file for file, (status, _) in found.items() if status == 200]
        assert next(iter(found)) in whole
        assert [found[file][1] for file in whole] == [uploading.made[file] for file in whole]
        assert {status for status, _ in found.values()} <= {200, 404}
        new.key = laptop
        again = new.upload(b"life goes on")
        assert content(new, again, laptop) == (200, b"life goes on")
    finally:
        assert new.stop() == 0


@pytest.mark.timeout(60)
def test_a_backup_made_while_serving_has_the_keys_and_the_files(tmp_path: Path) -> None:
    carry_over(tmp_path, 0, {}, {})


@pytest.mark.timeout(120)  # the first to ask for the server waits until it is made
def test_so_has_one_of_a_database_on_a_server(postgres: Postgres, tmp_path: Path) -> None:
    urls = [postgres.url(postgres.database()) for _ in range(2)]
    carry_over(tmp_path, 1, *({"VISUS_ACCOUNTS__DATABASE": url} for url in urls))
