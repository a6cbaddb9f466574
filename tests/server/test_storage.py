"""What is kept fails: a start is refused in a sentence, an answer is 503, no key is lost."""

import http.client
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused, text_of
from tests.support.disks import full
from tests.support.service import ROOT, Service, ask
from tests.support.upstream import Upstream

NO_LITE = "[lite]\nenabled = false\n"
BOUND_BY_MODES = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]
"""What makes root keep to the modes of files."""


# --- At the start ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a service has left behind that was stopped."""
    folder = tmp_path_factory.mktemp("installation")
    Service(folder, NO_LITE).stop()
    return folder / "state"


@pytest.fixture
def state(installation: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(installation, tmp_path / "state"))


def run(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    (state.parent / "config.toml").write_text(NO_LITE)
    options = ["--config", str(state.parent / "config.toml"), "--state", str(state)]
    prefix = BOUND_BY_MODES if os.geteuid() == 0 else []
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VISUS_")}
    return subprocess.run(  # noqa: S603 -- our own program
        [*prefix, sys.executable, "-m", "visus", *words, *options],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_service_that_was_stopped_leaves_one_file_of_its_database(installation: Path) -> None:
    assert sorted(path.name for path in installation.glob("visus.db*")) == ["visus.db"]
    assert (installation / "visus.db").stat().st_mode & 0o777 == 0o600


def spoilt(data: bytes, *, pages: range) -> bytes:
    """Those pages replaced by rubbish; what the tables are called stands elsewhere."""
    size = 4096
    return (
        data[: pages.start * size].ljust(pages.stop * size, b"\xaa") + data[pages.stop * size :]
    )


DAMAGE: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "gone": (lambda _: None, "is gone, and every key with it"),
    "empty": (lambda _: b"", "is gone, and every key with it"),
    "something else": (lambda _: b"no database " * 999, "file is not a database"),
    "without its head": (lambda data: bytes(100) + data[100:], "file is not a database"),
    "cut off": (lambda data: data[:5000], "malformed"),
    "overwritten": (lambda data: spoilt(data, pages=range(8, 20)), "is damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_database_that_was_damaged_is_neither_used_nor_made_anew(
    state: Path, kind: str
) -> None:
    damaged, why = DAMAGE[kind]
    path, whole = state / "visus.db", (state / "visus.db").read_bytes()
    rest = damaged(whole)
    path.unlink()
    if rest is not None:
        path.write_bytes(rest)
    for words in (("serve", "--port", "0"), ("keys", "create", "another")):
        done = run(*words, state=state)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"The database {path} ")
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
    assert (path.read_bytes() if path.exists() else None) == rest
    path.write_bytes(whole)
    assert "first key" in run("keys", "list", state=state).stdout


@pytest.mark.parametrize("mode", [0o400, 0o000])
def test_a_database_that_may_not_be_written_refuses_the_start(state: Path, mode: int) -> None:
    (state / "visus.db").chmod(mode)
    done = run("serve", "--port", "0", state=state)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be used: " in done.stderr
    (state / "visus.db").chmod(0o600)
    assert "first key" in run("keys", "list", state=state).stdout


def test_a_database_that_somebody_else_is_writing_refuses_the_start(state: Path) -> None:
    with locked(state / "visus.db"):
        done = run("serve", "--port", "0", state=state)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith("cannot be used: database is locked\n")


def test_a_state_that_is_no_folder_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    done = run("serve", "--port", "0", state=tmp_path / "state")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith("cannot be made: File exists.\n")


@pytest.mark.parametrize("kind", ["file", "loop", "closed"])
def test_a_ledger_that_is_no_folder_refuses_the_start(state: Path, kind: str) -> None:
    shutil.rmtree(state / "ledger")
    if kind == "file":
        (state / "ledger").write_text("a file")
    elif kind == "loop":
        (state / "ledger").symlink_to("ledger")
    else:
        (state / "ledger").mkdir(mode=0o500)
    done = run("serve", "--port", "0", state=state)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(f"The folder {state}/ledger cannot be used: ")


def test_a_database_that_is_no_ordinary_file_refuses_the_start(state: Path) -> None:
    (state / "visus.db").unlink()
    os.mkfifo(state / "visus.db")
    (state / "first-key").unlink()
    done = run("serve", "--port", "0", state=state)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.endswith("cannot be used: it is no ordinary file\n")


@pytest.mark.parametrize(
    "held", [b"", b"sk-short", b"\xff\xfe\x00", b"two words and more words"]
)
def test_what_is_no_key_never_becomes_one(state: Path, held: bytes) -> None:
    """An empty file would otherwise let everybody in who shows no key at all."""
    (state / "first-key").write_bytes(held)
    done = run("serve", "--port", "0", state=state)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"The first key in {state / 'first-key'} cannot be used: ")
    assert run("keys", "list", state=state).stdout.count("first key") == 1


def no_key(state: Path) -> None:
    with closing(sqlite3.connect(state / "visus.db")) as database, database:
        database.execute("DELETE FROM keys")


def half_a_key(state: Path) -> None:
    no_key(state)
    (state / "first-key").replace(state / "first-key.part")
    (state / "first-key.part").write_text("sk-vis")


def no_table(state: Path) -> None:
    (state / "first-key").unlink()
    (state / "visus.db").write_bytes(b"")


@pytest.mark.parametrize("crash", [no_key, half_a_key, no_table])
def test_a_first_start_that_was_cut_off_is_made_good_by_the_next(
    state: Path, crash: Callable[[Path], None]
) -> None:
    """Between any two steps: the database, its tables, the file of the key, its row."""
    crash(state)
    service = Service(state.parent, NO_LITE)
    try:
        assert service.key.startswith("sk-visus-")
        assert (state / "first-key").read_text().strip() == service.key
        assert service.get("/v1/models").status == 200
    finally:
        service.stop()


# --- While it runs ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def storing(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks its database about every key."""
    forgetful = FAST.replace("[accounts]", "[accounts]\nkey_cache_s = 0")
    folder = tmp_path_factory.mktemp("storing")
    running = Service(folder, upstream_config(upstream.port, forgetful), SCRIPTED_KEY="sk-up")
    yield running
    running.stop()


def database(service: Service) -> Path:
    return service.folder / "state" / "visus.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody holds the lock for writing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")


@contextmanager
def in_place_of(path: Path, other: bytes | None) -> Iterator[None]:
    """The file is away, with all that was written; another one, or none, is in its place."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = path.with_name("aside")
    path.rename(aside)
    if other is not None:
        path.write_bytes(other)
    try:
        yield
    finally:
        aside.replace(path)


def unavailable(service: Service) -> None:
    """Whatever needs a key or a file is 503 for now."""
    for reply in (
        service.post(ask("good")),
        service.get("/v1/models"),
        service.get("/v1/files"),
    ):
        refused(service, reply, 503, "storage_unavailable")
        assert reply.headers["retry-after"] == "5"


@pytest.mark.parametrize("other", [None, b"", b"no database " * 999])
def test_a_database_that_goes_away_is_503_until_it_is_back(
    storing: Service, other: bytes | None
) -> None:
    kept = storing.upload(b"kept")
    with in_place_of(database(storing), other):
        unavailable(storing)
        assert database(storing).exists() is (other is not None)
    answered(storing, storing.post(ask("good")))
    assert storing.get(f"/v1/files/{kept}/content").body == b"kept"


def test_while_another_program_writes_only_writing_is_503(storing: Service) -> None:
    kept = storing.upload(b"kept")
    with locked(database(storing)):
        answered(storing, storing.post(ask("good")))
        assert storing.get(f"/v1/files/{kept}/content").body == b"kept"
        reply = storing.request("DELETE", f"/v1/files/{kept}", None, headers(storing))
    refused(storing, reply, 503, "storage_unavailable")
    assert reply.headers["retry-after"] == "5"
    assert storing.request("DELETE", f"/v1/files/{kept}", None, headers(storing)).status == 200


def on_one_connection(service: Service, path: str, *, times: int) -> None:
    """Asks again and again over a connection that is to stay open."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)) as wire:
        wire.connect()
        opened = wire.sock
        for _ in range(times):
            wire.request("GET", path, None, headers(service))
            answer = wire.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)
            assert wire.sock is opened


def headers(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.key}"}


def test_a_disk_that_takes_nothing_at_all_costs_records_but_no_answer(storing: Service) -> None:
    """Neither the log nor the database can be written."""
    kept = storing.upload(b"kept")
    pid, whole = storing.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, whole))
    try:
        unrecorded = [storing.post(ask("good")), storing.get(f"/v1/files/{kept}/content")]
        on_one_connection(storing, "/v1/models", times=3)
        reply = storing.request("DELETE", f"/v1/files/{kept}", None, headers(storing))
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (whole, whole))
    assert [one.status for one in unrecorded] == [200, 200]
    assert reply.error() == (503, "storage_unavailable", None)
    answered(storing, storing.post(ask("good")))
    assert storing.request("DELETE", f"/v1/files/{kept}", None, headers(storing)).status == 200


def test_a_place_for_uploads_that_cannot_be_had_is_503_until_it_can(storing: Service) -> None:
    storing.upload(b"kept")
    incoming = storing.folder / "state" / "files" / "incoming"
    aside = incoming.with_name("aside")
    incoming.rename(aside)
    incoming.write_text("a file where a folder should be")
    try:
        edge = "an-edge"
        reply = storing.post(
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            f"x\r\n--{edge}--\r\n".encode(),
            path="/v1/files",
            **{"Content-Type": f"multipart/form-data; boundary={edge}"},
        )
    finally:
        incoming.unlink()
        aside.rename(incoming)
    refused(storing, reply, 503, "storage_unavailable")
    answered(storing, storing.post(ask("good")))
    assert storing.upload(b"kept too")


def test_a_stream_whose_cost_cannot_be_written_ends_with_an_error(
    upstream: Upstream, tmp_path: Path
) -> None:
    config = FAST + '[ledger]\nwhen_unavailable = "refuse"\n'
    service = Service(tmp_path, upstream_config(upstream.port, config), SCRIPTED_KEY="sk-x")
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = upstream.asked
            before = len(asked)
            reply = pool.submit(service.post, ask("waits", user="0.5", stream=True))
            while len(asked) == before:
                time.sleep(0.01)
            with full(tmp_path / "state", service, is_disk=False):
                *chunks, last = reply.result().events()
        assert text_of(chunks) == "one two three"
        assert last["error"]["code"] == "storage_unavailable"
        assert all(one["choices"][0]["finish_reason"] is None for one in chunks)
    finally:
        service.stop()
