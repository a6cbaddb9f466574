"""What is backed up while Visus serves can be served again elsewhere, as the documents say."""

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import pytest
from tests.conftest import FAST
from tests.support.service import ROOT, Service

PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
WAITING_S = 10.0


def typed(heading: str, state: Path, backup: Path) -> None:
    """Runs the first commands under a heading of the page, with other folders."""
    section = PAGE.partition(f"\n## {heading}\n")[2]
    found = re.search(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found
    commands = found[1].replace("/var/lib/visus", str(state))
    commands = commands.replace("/var/backups/visus", str(backup))
    assert str(state) in commands
    assert str(backup) in commands
    done = subprocess.run(  # noqa: S603 -- what our own page says
        ["sh", "-euc", commands], capture_output=True, text=True, check=False  # noqa: S607 -- any shell
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def new_key(state: Path) -> str:
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", "keys", "create", "laptop", "--state", str(state)],
        capture_output=True, text=True, check=True, cwd=ROOT,
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


@pytest.mark.timeout(60)
def test_a_backup_made_while_serving_has_the_keys_and_the_files(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    old_state, new_state, backup = folders[0] / "state", folders[1] / "state", tmp_path / "b"
    picture = bytes(range(256)) * 4000
    old = Service(folders[0], FAST)
    try:
        laptop, first = new_key(old_state), old.key
        old.key = laptop
        kept = old.upload(picture)
        with Uploading(old) as uploading:
            typed("Back up", old_state, backup)
        late = old.upload(b"after the backup")
        assert content(old, kept, laptop) == (200, picture)
    finally:
        assert old.stop() == 0

    typed("Restore", new_state, backup)
    new = Service(folders[1], FAST)
    try:
        assert new.key == first
        assert content(new, kept, laptop) == (200, picture)
        assert content(new, kept, first)[0] == 404
        assert content(new, late, laptop)[0] == 404
        assert content(new, kept, "sk-visus-" + "x" * 43)[0] == 401
        there = {file: content(new, file, laptop) for file in uploading.made}
        whole = [file for file, (status, _) in there.items() if status == 200]
        assert next(iter(there)) in whole
        assert [there[file][1] for file in whole] == [uploading.made[file] for file in whole]
        assert {status for status, _ in there.values()} <= {200, 404}
        new.key = laptop
        again = new.upload(b"life goes on")
        assert content(new, again, laptop) == (200, b"life goes on")
    finally:
        assert new.stop() == 0
