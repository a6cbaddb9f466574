"""The commands as they are typed: what they print, what they leave behind, how they end."""

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import upstream_config
from tests.support.claims import answered, children
from tests.support.films import film, pdf
from tests.support.service import ROOT, Service, ask
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import encode, halves

PNG = encode(halves(200, 200), "PNG")
NO_LITE = "[lite]\nenabled = false\n"


def _visus(
    *words: object, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("VISUS_", "OPENAI_", "OTEL_"))
    }
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *map(str, words)],
        input=stdin, capture_output=True, cwd=ROOT, check=False, timeout=25,
        env=clean | {"COLUMNS": "200"} | environment,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


# --- keys ------------------------------------------------------------------------------------


def test_a_key_is_shown_once_listed_by_its_end_and_revoked_once(tmp_path: Path) -> None:
    state = ("--state", tmp_path / "state")
    made = _visus("keys", "create", "office", *state)
    assert made.returncode == 0
    secret, key_id = made.stdout.strip(), made.stderr.partition(":")[0]
    assert secret.startswith("sk-visus-")
    listed = _visus("keys", "list", *state).stdout
    assert key_id in listed
    assert "office" in listed
    assert f"…{secret[-4:]}" in listed
    assert "valid" in listed
    assert secret not in listed
    assert _visus("keys", "revoke", key_id, *state).returncode == 0
    assert "revoked" in _visus("keys", "list", *state).stdout
    again = _visus("keys", "revoke", key_id, *state)
    assert (again.returncode, again.stdout) == (1, "")
    assert key_id in again.stderr


def test_a_key_can_be_bound_to_places(tmp_path: Path) -> None:
    state = ("--state", tmp_path / "state")
    places = ("--residency", "DE", "--residency", "local")
    assert _visus("keys", "create", "office", *places, *state).returncode == 0
    assert "de or local" in _visus("keys", "list", *state).stdout
    wrong = _visus("keys", "create", "office", "--residency", "europe", *state)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "'eu'" in wrong.stderr


def test_the_folder_of_keys_is_its_owner_s_alone(tmp_path: Path) -> None:
    _visus("keys", "create", "x", "--state", tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("words", [(), ("nothing",), ("keys",), ("keys", "revoke"), ("ask",)])
def test_a_command_that_makes_no_sense_ends_with_2(words: tuple[str, ...]) -> None:
    done = _visus(*words)
    assert done.returncode == 2
    assert "usage" in done.stderr.lower()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--budget", "abc"),
        ("--budget", "-4"),
        ("--budget", "nan"),
        ("--budget", "1e400"),
        ("--requests", "0"),
        ("--requests", "1.5"),
        ("--concurrent", "9" * 20),
        ("--expires-in", "soon"),
        ("--expires-in", "-5"),
        ("--expires-in", "0"),
        ("--overlap", "-1"),
        ("--overlap", "9" * 20),
    ],
)
def test_a_value_that_no_bound_can_have_is_refused_by_name(
    tmp_path: Path, option: str, value: str
) -> None:
    words = {
        "--expires-in": ("keys", "create", "x"),
        "--overlap": ("keys", "rotate", "key_x"),
    }.get(option, ("projects", "create", "x"))
    done = _visus("admin", *words, option, value, "--state", tmp_path / "state")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {option}: {value!r} is no " in done.stderr


def test_bounds_are_kept_as_they_are_typed(tmp_path: Path) -> None:
    state = ("--state", tmp_path / "state")
    bounds = ("--budget", "12.34", "--requests", "7", "--models", "visus-lite")
    bounds = (*bounds, "--providers", "visus", "gguf")
    project_id = _visus("admin", "projects", "create", "x", *bounds, *state).stdout.strip()
    listed = _visus("admin", "projects", "list", *state).stdout
    for bound in ("12.34 a month", "7 requests a minute", "visus-lite", "at gguf or visus"):
        assert bound in listed
    none = ("--budget", "none", "--requests", "none", "--models", "none", "--providers", "none")
    assert _visus("admin", "projects", "set", project_id, *none, *state).returncode == 0
    listed = _visus("admin", "projects", "list", *state).stdout
    for bound in ("a month", "a minute", "visus-lite", "at gguf"):
        assert bound not in listed.partition(project_id)[2]


@pytest.mark.parametrize(
    ("option", "known", "unknown"),
    [("--models", "visus-lite", "visus-light"), ("--providers", "visus", "nobody")],
)
def test_what_nobody_knows_cannot_be_bound_to(
    tmp_path: Path, option: str, known: str, unknown: str
) -> None:
    words = ("admin", "keys", "create", "x", option, known, unknown)
    done = _visus(*words, "--state", tmp_path / "state")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"'{unknown}' does not exist" in done.stderr


def test_usage_says_which_of_its_options_is_wrong(tmp_path: Path) -> None:
    done = _visus("usage", "--by", "colour", "--state", tmp_path / "state")
    assert (done.returncode, done.stdout) == (1, "")
    assert "(--by)" in done.stderr


# --- models, doctor --------------------------------------------------------------------------


def _keyless(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(upstream_config(9, NO_LITE))
    return file


def test_models_lists_what_can_answer_and_all_of_them_with_what_is_missing(
    tmp_path: Path,
) -> None:
    config = _keyless(tmp_path)
    few = _visus("models", "--config", config)
    assert few.returncode == 0
    assert "blind" not in few.stdout
    every = _visus("models", "--all", "--config", config).stdout
    assert "set SCRIPTED_KEY" in every
    assert "blind" in every
    keyed = _visus("models", "--config", config, SCRIPTED_KEY="k").stdout
    assert "blind" in keyed


def test_models_lists_the_embedded_one_out_of_the_box() -> None:
    assert "visus-lite" in _visus("models").stdout


def test_doctor_says_what_is_ready_and_what_is_missing(tmp_path: Path) -> None:
    config = _keyless(tmp_path)
    done = _visus("doctor", "--config", config, "--state", tmp_path / "state")
    assert done.returncode == 0
    assert "picture decoder" in done.stdout
    assert "set SCRIPTED_KEY" in done.stdout
    assert "visus keys create" in done.stdout


def test_doctor_ends_with_1_where_something_is_broken(tmp_path: Path) -> None:
    (tmp_path / "state" / "visus.db").mkdir(parents=True)
    done = _visus("doctor", "--config", _keyless(tmp_path), "--state", tmp_path / "state")
    assert done.returncode == 1
    assert "broken" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_says_what_nobody_vouching_for_servers_means(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    words = ("doctor", "--config", _keyless(tmp_path), "--state", tmp_path / "state")
    without = _visus(*words, SSL_CERT_FILE=nowhere, SSL_CERT_DIR=nowhere).stdout
    (line,) = [line for line in without.splitlines() if "CA certificates" in line]
    assert "not set up" in line
    assert "SSL_CERT_FILE" in without
    (tmp_path / "ca.pem").write_text("")
    found = _visus(*words, SSL_CERT_FILE=str(tmp_path / "ca.pem")).stdout
    (line,) = [line for line in found.splitlines() if "CA certificates" in line]
    assert "ready" in line


# --- ask -------------------------------------------------------------------------------------


def _remote(service: Service) -> tuple[str, ...]:
    return ("--server", service.url, "--model", "good")


def test_ask_prints_the_answer_of_a_server(
    service: Service, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    words = (tmp_path / "a.png", tmp_path / "a.png", "What is it?", *_remote(service))
    done = _visus("ask", *words, OPENAI_API_KEY=service.key)
    assert (done.returncode, done.stdout, done.stderr) == (0, "A red böat.\n", "")
    asked = upstream.last("good")
    assert asked.pictures() == [PNG, PNG]
    assert "What is it?" in json.dumps(asked.body)


def test_ask_shows_a_terminal_that_it_waits_and_each_word_as_it_comes(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    ours, theirs = pty.openpty()
    words = [
        str(tmp_path / "a.png"),
        "What?",
        "--server",
        service.url,
        "--model",
        "fifty_words",
    ]
    with subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", "ask", *words],
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=ROOT,
        env=os.environ | {"OPENAI_API_KEY": service.key, "TERM": "xterm"},
    ) as asking:  # fmt: skip
        os.close(theirs)
        seen = list(_pieces(ours))
    assert asking.returncode == 0
    shown = b"".join(seen)
    assert 0 < shown.index("Looking…".encode()) < shown.index(b"word ")
    assert shown.count(b"word ") == 50
    assert sum(b"word " in piece for piece in seen) > 10


def _pieces(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal, as it comes, until nobody has it open any more."""
    with suppress(OSError):  # EIO: that is how a terminal ends
        while piece := os.read(terminal, 4096):
            yield piece
    os.close(terminal)


def test_ask_reads_a_picture_from_standard_input(service: Service, upstream: Upstream) -> None:
    done = _visus("ask", "-", "What?", *_remote(service), stdin=PNG, OPENAI_API_KEY=service.key)
    assert (done.returncode, done.stdout) == (0, "A red böat.\n")
    assert upstream.last("good").pictures() == [PNG]


def test_ask_prints_the_whole_answer_as_json(service: Service) -> None:
    words = ("-", "What?", "--json", *_remote(service))
    done = _visus("ask", *words, stdin=PNG, OPENAI_API_KEY=service.key)
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"] == "A red böat."
    assert answer["usage"]["prompt_tokens"] == 812


def test_ask_says_what_a_picture_holds_without_any_server(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(
        encode(halves(400, 300).convert("L").point(lambda _: 255), "PNG")
    )
    done = _visus("ask", tmp_path / "a.png", "What colour is this?", "--state", tmp_path / "s")
    assert done.returncode == 0, done.stderr
    assert "white" in done.stdout.lower()


@pytest.mark.parametrize(("data", "pictures"), [(film(seconds=2), 2), (pdf(), 1)])
def test_ask_takes_videos_and_documents_too(
    service: Service, upstream: Upstream, tmp_path: Path, data: bytes, pictures: int
) -> None:
    (tmp_path / "file").write_bytes(data)
    words = (
        "ask",
        tmp_path / "file",
        "What is it?",
        "--server",
        service.url,
        "--model",
        "good",
    )
    done = _visus(*words, "--state", tmp_path / "s", OPENAI_API_KEY=service.key)
    assert done.returncode == 0, done.stderr
    assert len(upstream.last("good").pictures()) == pictures


@pytest.mark.parametrize(
    ("picture", "more", "says"),
    [
        (b"not a picture", (), "invalid_image_format"),
        (PNG[:40], (), "invalid_image"),
        (b"", (), "invalid_image"),
        (PNG, ("--model", "nobody"), "model_not_found"),
        (PNG, ("--server", "http://127.0.0.1:9/v1", "--model", "x"), "upstream_unreachable"),
    ],
)
def test_ask_ends_with_1_and_the_reason(
    tmp_path: Path, picture: bytes, more: tuple[str, ...], says: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(upstream_config(9, NO_LITE))
    words = ("-", "What?", "--config", config, "--model", "good", *more)
    done = _visus("ask", *words, stdin=picture, SCRIPTED_KEY="k")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"[{says}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_ask_without_a_valid_key_ends_with_1(service: Service) -> None:
    for key, says in (("sk-wrong", "refuses the key in OPENAI_API_KEY"), ("", "wants a key")):
        done = _visus("ask", "-", "What?", *_remote(service), stdin=PNG, OPENAI_API_KEY=key)
        assert (done.returncode, done.stdout) == (1, "")
        assert says in done.stderr
        assert "[invalid_api_key]" in done.stderr


def test_ask_says_where_the_address_of_a_server_ends(service: Service) -> None:
    server = service.url.removesuffix("/v1")
    words = ("-", "What?", "--server", server, "--model", "good")
    done = _visus("ask", *words, stdin=PNG, OPENAI_API_KEY=service.key)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"There is no {server}/chat/completions; most end in /v1. (--server)" in done.stderr


def test_ask_about_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    done = _visus("ask", tmp_path / "none.png", "What?")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none.png" in done.stderr


# --- serve -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_leaves_no_process_behind(tmp_path: Path, number: int) -> None:
    running = Service(tmp_path)  # with the embedded model and its worker
    end_s = time.monotonic() + 5
    while len(children(running)) < 2 and time.monotonic() < end_s:
        time.sleep(0.02)
    mine = children(running)
    assert len(mine) >= 2
    assert running.stop(number) == 0
    end_s = time.monotonic() + 2
    while any(_lives(pid) for pid in mine) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert not [pid for pid in mine if _lives(pid)]


def test_a_killed_server_leaves_no_process_behind(tmp_path: Path) -> None:
    running = Service(tmp_path, NO_LITE)
    time.sleep(0.5)
    mine = children(running)
    assert mine
    running.stop(signal.SIGKILL)
    end_s = time.monotonic() + 3
    while any(_lives(pid) for pid in mine) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert not [pid for pid in mine if _lives(pid)]


def test_a_running_answer_is_finished_before_the_server_stops(
    upstream: Upstream, tmp_path: Path
) -> None:
    running = Service(tmp_path, upstream_config(upstream.port, NO_LITE), SCRIPTED_KEY="k")
    with ThreadPoolExecutor(1) as threads:
        reply = threads.submit(running.post, ask("fifty_words", stream=True))
        time.sleep(0.4)
        assert running.stop() == 0
        answered(running, reply.result())


def test_the_first_key_is_kept_for_its_owner_and_printed_again(tmp_path: Path) -> None:
    first = Service(tmp_path, NO_LITE)
    first.stop()
    path = tmp_path / "state" / "first-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() == first.key
    second = Service(tmp_path, NO_LITE)
    try:
        assert second.key == first.key
        assert second.get("/v1/models").status == 200
        assert first.url.endswith("/v1")
    finally:
        second.stop()


def test_a_quiet_service_prints_no_key(tmp_path: Path) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "visus", "serve", "--quiet", "--port", "0"]
    running = subprocess.Popen(  # noqa: S603 -- our own program
        [*command, "--state", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"VISUS_LITE__ENABLED": "false"},
    )
    assert running.stdout
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGTERM)
    rest, _ = running.communicate(timeout=25)
    assert running.returncode == 0
    assert (state / "first-key").read_text().strip() not in rest


def test_the_printed_curl_line_works_when_it_is_pasted(
    upstream: Upstream, tmp_path: Path
) -> None:
    running = Service(tmp_path, upstream_config(upstream.port, NO_LITE), SCRIPTED_KEY="k")
    try:
        line = next(one for one in running.said.splitlines() if one.startswith("curl "))
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 -- as a person would
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "A red böat."
    finally:
        running.stop()


def test_a_port_that_is_taken_is_named(service: Service, tmp_path: Path) -> None:
    done = _visus("serve", "--port", service.port, "--state", tmp_path / "s")
    assert done.returncode == 1
    assert str(service.port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("config", "line", "names"),
    [
        ("[server]\nport = 1\nprot = 2\n", 3, "prot"),
        ("[media]\n\n[sever]\nport = 1\n", 3, "sever"),
        ('[[providers]]\nname = "a"\ndialect = "openai"\nbase_ulr = "x"\n', 4, "base_ulr"),
        (
            '[[providers]]\nname = "a"\ndialect = "latin"\n',
            3,
            "known: gemini, gguf, lite, openai",
        ),
        (
            '[[providers]]\nname = "a"\ndialect = "lite"\n[providers.options]\nx = 1\n',
            5,
            "unknown key 'x'",
        ),
        ('[[models]]\nid = "a"\nprovider = "nobody"\n', 3, "nobody"),
        ("[server]\nport = 70000\n", 2, "port"),
        ("[server\n", 1, ""),
        ('[media]\nadmit_networks = ["everything"]\n', None, "everything"),
    ],
    ids=lambda one: str(one)[:24],
)
def test_a_faulty_configuration_is_refused_with_its_line(
    tmp_path: Path, config: str, line: int | None, names: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(config)
    done = _visus("serve", "--config", file, "--state", tmp_path / "s", "--port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert names in done.stderr
    assert str(file) in done.stderr
    if line is not None:
        assert f":{line}:" in done.stderr or f"line {line}" in done.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("section", ["media", "upstream"])
@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), ("x", "certificate")])
def test_authorities_that_cannot_be_read_are_named(
    tmp_path: Path, section: str, content: str | None, reason: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    done = _visus("serve", "--port", "0", **{f"VISUS_{section.upper()}__CA_FILE": str(file)})
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert f"{section}.ca_file: '{file}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_faulty_section_is_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[server]\nprot = 2\n[media]\nmax_byte = 1\n")
    done = _visus("serve", "--config", file, VISUS_SERVER__HOTS="x")
    for name in ("prot", "max_byte", "VISUS_SERVER__HOTS"):
        assert name in done.stderr


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"T_CLOUD_BASE_URL": "models.test/v1"}, "T_CLOUD_BASE_URL"),
        ({"T_CLOUD_BASE_URL": "ftp://models.test/v1"}, "T_CLOUD_BASE_URL"),
        ({"T_CLOUD_BASE_URL": "http://[::1/v1"}, "T_CLOUD_BASE_URL"),
        ({"T_CLOUD_BASE_URL": "http://m.test/v1?a=b"}, "'http://m.test/v1?a=b' has a query"),
        ({"T_CLOUD_BASE_URL": "http://m.test/v1#a"}, "'http://m.test/v1#a' has a query"),
        ({"T_CLOUD_BASE_URL": "http://m.test", "T_CLOUD_API_KEY": "a\nb"}, "T_CLOUD_API_KEY"),
    ],
)
def test_an_address_or_a_key_that_cannot_work_is_named_at_the_start(
    variables: dict[str, str], reason: str
) -> None:
    done = _visus("models", **variables)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


# --- providers -------------------------------------------------------------------------------

ROWS = """
[[providers]]
name = "{name}"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
[[models]]
id = "{name}-model"
provider = "{name}"
upstream_id = "{upstream_id}"
input_modalities = ["text", "image"]
{more}
"""


def _checked(tmp_path: Path, rows: str, *names: str) -> tuple[int, dict[str, list[str]]]:
    """The exit code, and what the table says of each provider."""
    file = tmp_path / "config.toml"
    file.write_text(NO_LITE + rows)
    done = _visus("providers", "check", *names, "--config", file)
    lines = [line.strip("│ ").split("│") for line in done.stdout.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert "Traceback" not in done.stderr
    return done.returncode, {line[0]: line[1:] for line in cells}


def test_providers_check_says_what_each_can_do(upstream: Upstream, tmp_path: Path) -> None:
    rows = ROWS.format(name="able", port=upstream.port, upstream_id="able", more="")
    before = len(upstream.asked)
    code, said = _checked(tmp_path, rows)
    assert said["able"][:-1] == ["able-model", "yes", "yes", "yes", "yes", "yes"]
    assert said["able"][-1].endswith(" ms")
    assert code == 0
    asked = upstream.asked[before:]
    assert [len(one.pictures()) for one in asked] == [0, 1, 0, 0, 0]
    assert [bool(one.body.get("stream")) for one in asked] == [False, False, True, False, False]


def test_providers_check_ends_with_1_where_a_row_promises_too_much(
    upstream: Upstream, tmp_path: Path
) -> None:
    port = upstream.port
    rows = (
        ROWS.format(name="plain", port=port, upstream_id="good", more="")
        + ROWS.format(name="blind", port=port, upstream_id="blind_of_pictures", more="")
        + ROWS.format(name="closed", port=9, upstream_id="good", more="")
    )
    code, said = _checked(tmp_path, rows)
    assert code == 1
    assert said["plain"][4] == "no: upstream_invalid_output"  # no tool was called
    assert said["blind"][1:3] == ["yes", "no: unsupported_modality"]
    assert said["closed"][1:] == ["no: upstream_unreachable", *"----"]
    assert list(_checked(tmp_path, rows, "closed")[1]) == ["closed"]


def test_providers_check_does_not_ask_for_what_the_row_refuses(
    upstream: Upstream, tmp_path: Path
) -> None:
    more = 'refuses = ["tools", "response_format"]'
    rows = ROWS.format(name="plain", port=upstream.port, upstream_id="good", more=more)
    code, said = _checked(tmp_path, rows)
    assert (code, said["plain"][4:6]) == (0, ["-", "-"])


def test_providers_check_knows_the_model_inside_and_no_stranger(tmp_path: Path) -> None:
    done = _visus("providers", "check", "visus")
    assert done.returncode == 0
    assert "not offered" in done.stdout
    stranger = _visus("providers", "check", "nobody")
    assert (stranger.returncode, stranger.stdout) == (1, "")
    assert "nobody" in stranger.stderr


def test_an_ordinary_start_and_stop_warns_of_nothing(tmp_path: Path) -> None:
    running = Service(tmp_path, NO_LITE)
    assert running.get("/health").status == 200
    running.stop()
    assert '"level":"info"' in running.log()
    assert '"level":"warning"' not in running.log()
