"""`python -m bench.sizing`: what one worker can do and what it needs, as a table in Markdown.

Requests a second are those that one core does, by the CPU that a request costs in all processes
of the service; so a machine that is busy with other things changes them less than it changes
what passes through. Memory is PSS of all processes, pages that they share counted once. It
takes about a minute, and wants a redis-server on the PATH.
"""

import argparse
import base64
import http.client
import io
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from PIL import Image, ImageDraw

from bench import install, processes, report
from bench.measure import Bench, run_once
from bench.peers import BENCH, Gateway, catalogue
from bench.traffic import Load, Target, drive, mock_upstream, reachable
from bench.workloads import Ask, chat_body

CLIENTS = 8
STREAMS = 300
PICTURES, PICTURES_AT_ONCE = 32, 16
QUALITY = 92
LOOK_EVERY_S = 0.02
SETTLE_S = 1.5
"""Until the ledger has written, and the memory of what is over is given back."""
REDIS_PORT = 9106
REDIS = ["redis-server", "--port", str(REDIS_PORT), "--save", "", "--appendonly", "no"]
RATES = (
    ("text (W1)", Ask.TEXT, "mock"),
    ("one 80 KB picture as it is (W2)", Ask.PICTURE_80K, "mock"),
)


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    value: str


def gateway(work: Path, *, under: list[str]) -> Gateway:
    """Ours, with the model that says nothing; `under` stands before its command."""
    peer = catalogue()[report.JUDGED]
    peer = msgspec.structs.replace(
        peer, config_more="visus-sizing.toml", command=[*under, *peer.command]
    )
    return Gateway(name="sizing", peer=peer, work=work)


def target(here: Gateway, ask: Ask, model: str, bench: Bench) -> Target:
    """A request for that model."""
    headers = {"Authorization": f"Bearer {here.key}"}
    body = chat_body(ask, model=model, pictures=bench.pictures)
    port = here.port or here.peer.port
    return Target(here.name, port=port, path=here.peer.path, headers=headers, body=body)


def rates(here: Gateway, bench: Bench, seconds: float) -> Iterator[Figure]:
    """Requests a second that one core does, by kind."""
    for title, ask, model in RATES:
        wanted = target(here, ask, model, bench)
        drive(wanted, Load(CLIENTS, seconds / 2), work=bench.work)  # warms up
        run = run_once(here, wanted, load=Load(CLIENTS, seconds), bench=bench)
        if run.answers.bad or not run.answers.ok:
            raise SystemExit(f"{title}: {run.answers.status}")
        cpu_s = run.spent.sched_s / run.answers.ok
        yield Figure(f"requests/s of one core, {title}", f"{1 / cpu_s:,.0f}")


def idle_mb(here: Gateway, bench: Bench) -> Iterator[Figure]:
    """What the service needs, and on top each stream that has begun and says nothing."""
    body = chat_body(Ask.STREAM, model="idle", pictures=bench.pictures)
    wanted = target(here, Ask.STREAM, "idle", bench)
    question = Target("idle", wanted.port, wanted.path, wanted.headers, body).raw()
    time.sleep(SETTLE_S)
    before = processes.pss_mb(here.pids())
    with ExitStack() as lines:
        for _ in range(STREAMS):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", wanted.port), 10))
            line.sendall(question)
            if not line.recv(64).startswith(b"HTTP/1.1 200"):
                raise SystemExit("An idle stream was refused.")
        grown = processes.pss_mb(here.pids()) - before
    yield Figure("MB of the service when nothing is asked", f"{before:.0f}")
    yield Figure(f"MB of one idle stream, {STREAMS} at once", f"{grown / STREAMS:.3f}")


def large_pictures(here: Gateway, bench: Bench) -> Iterator[Figure]:
    """What pictures cost that have to be made smaller, each of them another one."""
    wanted = target(here, Ask.PICTURE_4M, "mock-small", bench)
    file = (bench.pictures / "4m.jpg").read_bytes()
    before_it, after_it = wanted.body.split(base64.b64encode(file))
    waiting = deque(different(file))
    before_mb, before = processes.pss_mb(here.pids()), processes.spent(here.pids())

    def client() -> None:
        with suppress(IndexError):
            while True:
                other = base64.b64encode(waiting.popleft())
                body = b"".join((before_it, other, after_it))
                ask_once(Target("", wanted.port, wanted.path, wanted.headers, body))

    def crowd() -> None:
        with ThreadPoolExecutor(PICTURES_AT_ONCE) as pool:
            for done in [pool.submit(client) for _ in range(PICTURES_AT_ONCE)]:
                done.result()

    peak_mb = peak_during(here, crowd)
    cpu_s = processes.spent(here.pids()).since(before).sched_s / PICTURES
    kind = "one picture of 12 megapixels, made smaller"
    yield Figure(f"requests/s of one core, {kind}", f"{1 / cpu_s:.1f}")
    each_mb = (peak_mb - before_mb) / PICTURES_AT_ONCE
    yield Figure(f"MB of one such picture, {PICTURES_AT_ONCE} at once", f"{each_mb:.1f}")


def different(file: bytes) -> Iterator[bytes]:
    """Files that differ in a stripe and in no cost."""
    with Image.open(io.BytesIO(file)) as opened:
        picture = opened.convert("RGB")
    for number in range(PICTURES):
        place = 64 * number
        ImageDraw.Draw(picture).rectangle((place, 0, place + 63, 63), fill=(7 * number, 0, 99))
        sink = io.BytesIO()
        picture.save(sink, "JPEG", quality=QUALITY)
        yield sink.getvalue()


def ask_once(wanted: Target) -> None:
    """Asks, and looks at the status alone."""
    with closing(http.client.HTTPConnection("127.0.0.1", wanted.port, timeout=60)) as line:
        head = {"Content-Type": "application/json", **wanted.headers}
        line.request("POST", wanted.path, wanted.body, head)
        answer = line.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"A picture was refused: {answer.status}")


def peak_during(here: Gateway, work: Callable[[], object]) -> float:
    """The most memory while that is done."""
    peaks, is_over = [0.0], threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            peaks.append(processes.pss_mb(here.pids()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        work()
    finally:
        is_over.set()
        watcher.join()
    return max(peaks)


def database(here: Gateway, bench: Bench, seconds: float) -> Iterator[Figure]:
    """Rows and bytes that a question leaves behind."""
    path = here.work / f"{here.name}-state" / "visus.db"
    before = rows_and_bytes(path)
    asked = drive(
        target(here, Ask.TEXT, "mock", bench), Load(CLIENTS, seconds), work=bench.work
    )
    after = rows_and_bytes(path)
    yield Figure("database rows of a request", f"{(after[0] - before[0]) / asked.ok:.2f}")
    yield Figure("database bytes of a request", f"{(after[1] - before[1]) / asked.ok:.0f}")


def rows_and_bytes(path: Path) -> tuple[int, int]:
    """Of the whole ledger, once everything is written."""
    time.sleep(SETTLE_S)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        count = (
            "SELECT (SELECT count(*) FROM usage_records) + (SELECT count(*) FROM usage_hours)"
        )
        (rows,) = connection.execute(count).fetchone()
    return rows, path.stat().st_size


@contextmanager
def redis_server() -> Generator[None]:
    """A server for as long as the block lasts."""
    if shutil.which(REDIS[0]) is None or reachable(REDIS_PORT):
        raise SystemExit(f"There is no redis-server, or port {REDIS_PORT} is taken.")
    server = subprocess.Popen(REDIS, stdout=subprocess.DEVNULL)
    try:
        while not reachable(REDIS_PORT):
            time.sleep(0.01)
        yield
    finally:
        server.terminate()
        server.wait()


def scripts_run() -> int:
    """How often the script was asked since Redis started."""
    with socket.create_connection(("127.0.0.1", REDIS_PORT), 5) as line:
        line.sendall(b"INFO commandstats\r\nQUIT\r\n")
        said = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    found = re.search(r"cmdstat_evalsha:calls=(\d+)", said)
    return int(found[1]) if found else 0


def redis_operations(work: Path, bench: Bench, seconds: float) -> Figure:
    """How often Redis is asked for a question, where replicas share limits."""
    with redis_server(), ExitStack() as cleanup:
        shared = f"VISUS_LIMITS__REDIS=redis://127.0.0.1:{REDIS_PORT}/0"
        here = gateway(work, under=["env", shared])
        cleanup.callback(here.stop)
        here.start()
        before = scripts_run()
        wanted = target(here, Ask.TEXT, "mock", bench)
        asked = drive(wanted, Load(CLIENTS, seconds), work=work)
        return Figure(
            "Redis operations of a request", f"{(scripts_run() - before) / asked.ok:.2f}"
        )


def measured(work: Path, bench: Bench, seconds: float) -> Iterator[Figure]:
    """Every line of the table."""
    here = gateway(work, under=[])
    with ExitStack() as cleanup:
        cleanup.callback(here.stop)
        here.start()
        yield from idle_mb(here, bench)
        yield from rates(here, bench, seconds)
        yield from large_pictures(here, bench)
        yield from database(here, bench, seconds)
    yield redis_operations(work, bench, seconds)


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(prog="bench.sizing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--work", type=Path, default=BENCH / "work")
    options = parser.parse_args()
    work = options.work.resolve()
    install.prepare(work, [])
    with mock_upstream(pictures=work / "img", work=work) as mock_pid:
        found = list(measured(work, Bench(work, mock_pid), options.seconds))
    print(f"{report.machine()}\n\n| what | one worker |\n|---|---:|")
    for one in found:
        print(f"| {one.what} | {one.value} |")


if __name__ == "__main__":
    main()
