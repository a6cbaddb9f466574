"""Replicas that share a PostgreSQL server: one set of keys and files, and no password told."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused
from tests.support.ports import free_ports
from tests.support.postgres import IN_A_URL, PASSWORD, Postgres
from tests.support.service import ROOT, Reply, Service, ask
from tests.support.upstream import Upstream

from visus.accounts.address import postgres_address
from visus.accounts.database import open_database
from visus.accounts.files import FileBook, OwnerLimits
from visus.media.shelf import FilesSettings, Shelf

NO_LITE = "[lite]\nenabled = false\n"
VARIABLE = "VISUS_ACCOUNTS__DATABASE"
IMPATIENT = """
[accounts]
key_cache_s = 0
wrong_keys_per_minute = 0
[accounts.postgresql]
connect_timeout_s = 2
statement_timeout_s = 0.5
"""


def run(
    *words: str, state: Path, url: str, more: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself."""
    config = state.parent / "config.toml"
    config.write_text(NO_LITE + more)
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *words, "--config", str(config), "--state", str(state)],
        cwd=ROOT, env={VARIABLE: url}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def silent(*texts: str) -> None:
    """Nothing of the password stands in any of them, however it is written."""
    for text in texts:
        for piece in (PASSWORD, IN_A_URL, PASSWORD[:4], "w:rd"):
            assert piece not in text


# --- At the start ----------------------------------------------------------------------------


def test_replicas_that_start_together_make_one_database_and_one_first_key(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.url(postgres.database())

    def start(number: int) -> Service:
        folder = tmp_path / str(number)
        folder.mkdir()
        return Service(folder, NO_LITE, **{VARIABLE: url})

    with ThreadPoolExecutor(3) as pool, ExitStack() as stack:
        services = list(pool.map(start, range(3)))
        for one in services:
            stack.callback(one.stop)
        keys = [one.key for one in services if one.key]
        assert len(keys) == 1
        for one in services:
            one.key = keys[0]
            assert one.get("/v1/models").status == 200
        assert run("keys", "list", state=tmp_path / "state", url=url).stdout.count("valid") == 1


def nobody_there(postgres: Postgres) -> str:
    return postgres.url("visus").replace(str(postgres.port), str(free_ports(1)[0]))


REFUSED = {
    "nobody there": (nobody_there, "Connection refused"),
    "no such host": (
        lambda postgres: postgres.url("visus").replace("127.0.0.1", "db.invalid"),
        "db.invalid",
    ),
    "no such database": (lambda postgres: postgres.url("nowhere"), "does not exist"),
    "a wrong password": (
        lambda postgres: postgres.url("postgres", password=f"{IN_A_URL}x"),
        "password authentication failed",
    ),
    "an unknown option": (
        lambda postgres: postgres.url("postgres") + "?colour=red",
        'invalid connection option "colour"',
    ),
    "another encoding": (
        lambda postgres: postgres.url(
            postgres.database("--encoding=LATIN1", "--template=template0")
        ),
        "its encoding is LATIN1, not UTF8",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_server_that_cannot_be_used_refuses_the_start_in_a_sentence(
    postgres: Postgres, tmp_path: Path, kind: str
) -> None:
    place, why = REFUSED[kind]
    url = place(postgres)
    for words in (("serve", "--port", "0"), ("keys", "create", "one")):
        done = run(*words, state=tmp_path / "state", url=url)
        assert (done.returncode, done.stdout) == (1, "")
        shown = (
            url.partition("?")[0].replace(f":{IN_A_URL}x@", "@").replace(f":{IN_A_URL}@", "@")
        )
        assert done.stderr.startswith(f"The database {shown} cannot be used: ")
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
        silent(done.stderr)
    doctor = run("doctor", state=tmp_path / "state", url=url)
    assert doctor.returncode == 1
    assert "cannot be used" in " ".join(doctor.stdout.split())
    silent(doctor.stdout, doctor.stderr)


def test_an_empty_database_is_not_filled_where_keys_were(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.url(postgres.database())
    service = Service(tmp_path, NO_LITE, **{VARIABLE: url})
    service.stop()
    done = run(
        "serve", "--port", "0", state=tmp_path / "state", url=postgres.url(postgres.database())
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is empty, and every key with it is gone" in done.stderr
    assert "first key" in run("keys", "list", state=tmp_path / "state", url=url).stdout


def test_a_doctor_finds_the_keys(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.url(postgres.database())
    made = run("keys", "create", "one", state=tmp_path / "state", url=url)
    assert made.returncode == 0, made.stderr
    doctor = run("doctor", state=tmp_path / "state", url=url)
    assert "1 valid key" in doctor.stdout
    silent(doctor.stdout, doctor.stderr, made.stdout, made.stderr)


# --- While it runs ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server that these tests alone may stop."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="module")
def replicas(
    own_postgres: Postgres, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Two services with one database and one folder for contents, which ask about every key."""
    url = own_postgres.url(own_postgres.database())
    impatient = FAST.replace("[accounts]\nwrong_keys_per_minute = 0\n", IMPATIENT)
    config = upstream_config(upstream.port, impatient)
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    (other / "state").symlink_to(one / "state")
    environment = {VARIABLE: url, "SCRIPTED_KEY": "sk-up"}
    running = Service(one, config, **environment), Service(other, config, **environment)
    yield running
    for service in running:
        service.stop()
        silent(service.log(), service.said)


def test_what_one_replica_is_told_the_other_knows(replicas: tuple[Service, Service]) -> None:
    one, other = replicas
    assert one.key == other.key
    kept = one.upload(b"kept by one")
    assert other.get(f"/v1/files/{kept}/content").body == b"kept by one"
    assert delete(other, kept).status == 200
    assert one.get(f"/v1/files/{kept}").error() == (404, "file_not_found", None)


def test_what_no_text_may_hold_there_is_no_id(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.url(postgres.database())
    with ExitStack() as stack:
        service = Service(tmp_path, NO_LITE, **{VARIABLE: url})
        stack.callback(service.stop)
        made = run(
            "admin", "keys", "create", "it", "--admin", state=tmp_path / "state", url=url
        )
        refuses_what_is_no_id(service, made.stdout.strip())


def refuses_what_is_no_id(service: Service, boss: str) -> None:
    given = {"Authorization": f"Bearer {boss}", "Content-Type": "application/json"}

    def admin(method: str, path: str, **body: str) -> Reply:
        data = json.dumps(body).encode() if body else None
        return service.request(method, f"/admin/{path}", data, given)

    for path in ("keys/a%00b", "projects/a%00b", "projects/a%00b/webhook-secrets"):
        assert admin("GET", path).error() == (404, "not_found", None)
    assert admin("DELETE", "keys/a%00b").error() == (404, "not_found", None)
    refusal = admin("POST", "keys", name="x", project="a\0b")
    assert refusal.error() == (400, "invalid_value", "project")
    refusal = admin("POST", "projects", name="x", organisation="a\0b")
    assert refusal.error() == (400, "invalid_value", "organisation")
    assert admin("GET", "usage?project=a%00b").error() == (400, "invalid_value", "project")


def upload(service: Service, data: bytes) -> Reply:
    form = (
        b'--edge\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    )
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    return service.post(form + data + b"\r\n--edge--\r\n", path="/v1/files", **kind)


def delete(service: Service, file_id: str) -> Reply:
    headers = {"Authorization": f"Bearer {service.key}"}
    return service.request("DELETE", f"/v1/files/{file_id}", None, headers)


def unavailable(service: Service) -> None:
    """Whatever needs a key or a file is 503 for now."""
    for reply in (service.post(ask("good")), service.get("/v1/files")):
        refused(service, reply, 503, "storage_unavailable")
        assert reply.headers["retry-after"] == "5"


def test_a_server_that_goes_away_is_503_until_it_is_back(
    own_postgres: Postgres, replicas: tuple[Service, Service]
) -> None:
    kept = replicas[0].upload(b"kept")
    with own_postgres.away():
        for service in replicas:
            unavailable(service)
            assert service.request("GET", "/health", None, {}).status == 200
    for service in replicas:
        answered(service, service.post(ask("good")))
        assert service.get(f"/v1/files/{kept}/content").body == b"kept"


def test_a_server_that_restarts_between_two_requests_costs_none(
    own_postgres: Postgres, replicas: tuple[Service, Service]
) -> None:
    answered(replicas[0], replicas[0].post(ask("good")))
    with own_postgres.away():
        pass
    answered(replicas[0], replicas[0].post(ask("good")))


def until_answered(service: Service, *, patience_s: float = 20) -> None:
    """Somebody may still stand in line for all when the database is there again."""
    end_s = time.monotonic() + patience_s
    while (reply := service.post(ask("good"))).status != 200 and time.monotonic() < end_s:
        time.sleep(0.05)
    answered(service, reply)


def test_a_server_that_takes_everything_and_answers_nothing_is_503_in_time(
    own_postgres: Postgres, replicas: tuple[Service, Service]
) -> None:
    service = replicas[0]
    answered(service, service.post(ask("good")))
    with own_postgres.frozen():
        began_s = time.monotonic()
        refused(service, service.get("/v1/models"), 503, "storage_unavailable")
        assert time.monotonic() - began_s < 15
        # From now on one waits for all, so that not everybody stands in line.
        began_s = time.monotonic()
        with ThreadPoolExecutor(100) as pool:
            replies = list(pool.map(lambda _: service.get("/v1/models"), range(200)))
        assert {reply.status for reply in replies} == {503}
        assert time.monotonic() - began_s < 8
    until_answered(service)


def test_a_statement_that_waits_too_long_is_503(
    own_postgres: Postgres, replicas: tuple[Service, Service]
) -> None:
    service = replicas[0]
    name = "visus_1"
    with psycopg.connect(own_postgres.url(name)) as holder:
        holder.execute("LOCK TABLE files IN ACCESS EXCLUSIVE MODE")
        began_s = time.monotonic()
        refused(service, service.get("/v1/files"), 503, "storage_unavailable")
        assert 0.4 < time.monotonic() - began_s < 5
        answered(service, service.post(ask("good")))
    assert service.get("/v1/files").status == 200


def test_what_was_acknowledged_outlives_crashes_and_nothing_else_stays(
    own_postgres: Postgres, replicas: tuple[Service, Service]
) -> None:
    """Equal and different contents come and go through both replicas meanwhile."""
    goes_on = threading.Event()
    goes_on.set()

    def work(number: int) -> tuple[dict[str, bytes], set[int]]:
        kept, statuses, count = dict[str, bytes](), set[int](), 0
        while goes_on.is_set():
            count += 1
            data = b"equal" if count % 2 else b"%d of %d" % (count, number)
            reply = upload(replicas[count % 2], data)
            statuses.add(reply.status)
            if reply.status == 200:
                kept[reply.json()["id"]] = data
            if len(kept) > 3:
                gone = next(iter(kept))
                kept.pop(gone)
                statuses.add(delete(replicas[number % 2], gone).status)
        return kept, statuses

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, number) for number in range(4)]
        for _ in range(3):
            time.sleep(0.7)
            own_postgres.crash()
        time.sleep(0.5)
        goes_on.clear()
        done = [worker.result(20) for worker in workers]
    assert set[int]().union(*(statuses for _, statuses in done)) == {200, 503}
    for kept, _ in done:
        for file_id, data in kept.items():
            for service in replicas:
                assert service.get(f"/v1/files/{file_id}/content").body == data
    assert is_tidy_after_a_sweep(own_postgres, replicas[0])


def is_tidy_after_a_sweep(server: Postgres, service: Service) -> bool:
    """Whether the contents on the disk are those that files name, once it is tidied up."""
    address = postgres_address(server.url("visus_1"))
    assert address is not None
    engine = open_database(address)
    book = FileBook(engine, OwnerLimits(max_bytes=1, max_files=1))
    folder = service.folder / "state" / "files"
    shelf = Shelf(folder, book, FilesSettings())
    shelf.sweep()
    missing = shelf.reconcile().missing
    there = {path.name for path in (folder / "contents").glob("??/??/*")}
    kept, unnamed = book.addresses(), book.unnamed()
    engine.dispose()
    return there == kept and not unnamed and not missing
