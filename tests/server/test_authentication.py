"""Who may ask: keys, open paths and headers (threats.md, 7.7)."""

import subprocess
import sys
import time

import pytest
from tests.support.claims import answered, refused
from tests.support.raw import exchange, replies
from tests.support.service import ROOT, Service, ask

OPEN = {"/health", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"}


def _run(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visus", *words, "--state", str(service.folder / "state")]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 -- our own program


def test_no_key_and_a_wrong_key_look_alike_but_for_the_message(service: Service) -> None:
    none = service.request("GET", "/v1/models", None, {})
    wrong = service.request("GET", "/v1/models", None, {"Authorization": "Bearer sk-wrong"})
    refused(service, none, 401, "invalid_api_key")
    refused(service, wrong, 401, "invalid_api_key")
    assert none.json()["detail"] != wrong.json()["detail"]
    assert set(none.headers) == set(wrong.headers)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer ' OR 1=1 --",
        "Bearer '; SELECT pg_sleep(8)--",
        "Bearer",
        "Bearer ",
        "Bearer  \t",
        "Basic dXNlcjpwYXNz",
        "{key}",
        "Bearer {key}x",
        "Bearer {key} {key}",
        "Token {key}",
        "Bearer " + "x" * 201,
        "Bearer " + "x" * 20_000,
        b"Bearer \xc3\xbc\xf0\x9f\x98\x80",
        b"Bearer \xff\xfe",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_valid_key_is_401_at_once(service: Service, value: str | bytes) -> None:
    given = value.replace("{key}", service.key) if isinstance(value, str) else value
    began_s = time.monotonic()
    reply = service.request("GET", "/v1/models", None, {"Authorization": given})  # type: ignore[dict-item]
    assert time.monotonic() - began_s < 2
    refused(service, reply, 401, "invalid_api_key")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(service: Service, scheme: str) -> None:
    given = {"Authorization": f"{scheme} {service.key}"}
    assert service.request("GET", "/v1/models", None, given).status == 200


def test_a_key_of_a_megabyte_is_431(service: Service) -> None:
    data = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * 1_000_000
    (reply,) = replies(exchange(service, data + b"\r\n\r\n"))
    assert reply.error() == (431, "headers_too_large", None)


def test_a_nul_in_a_key_is_refused(service: Service) -> None:
    data = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\x00b\r\n\r\n"
    (reply,) = replies(exchange(service, data))
    assert reply.error()[0] in {400, 401}


@pytest.mark.parametrize("place", ["/v1/models?api_key={key}", "/v1/models?key={key}"])
def test_a_key_in_the_address_is_no_key(service: Service, place: str) -> None:
    reply = service.request("GET", place.replace("{key}", service.key), None, {})
    refused(service, reply, 401, "invalid_api_key")


def test_every_route_but_the_open_ones_wants_a_key(service: Service) -> None:
    paths = answered(service, service.request("GET", "/openapi.json", None, {}))["paths"]
    assert {"/v1/chat/completions", "/v2/chat/completions", "/v1/models"} <= set(paths)
    for path, methods in paths.items():
        for method in methods:
            address = path.replace("{model_id}", "good").replace("{model}", "good")
            reply = service.request(method.upper(), address, None, {})
            if path in OPEN:
                assert reply.status == 200, path
            else:
                assert reply.error() == (401, "invalid_api_key", None), path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/v1",
        "/v1/",
        "/v3/models",
        "/health/",
        "/health/../v1/models",
        "//health",
        "/HEALTH",
        "/docs/x",
        "/v1/models/",
        "/%68ealth/../v1/models",
        "/health;/v1/models",
        "/v1/chat/completions/",
        "/admin",
        "/openapi.json/..",
        "/favicon.ico",
    ],
)
def test_other_paths_want_a_key_too_and_with_one_do_not_exist(
    service: Service, path: str
) -> None:
    refused(service, service.request("GET", path, None, {}), 401, "invalid_api_key")
    status, code, _ = service.get(path).error()
    assert (status, code) in {(404, "unknown_url"), (404, "model_not_found")}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/chat/completions", "Did you mean /v1/chat/completions?"),
        ("/v1/chat/completions/", "Did you mean /v1/chat/completions?"),
        ("/v1/v1/models", "Did you mean /v1/models?"),
        ("/chat/completions/estimate", "Did you mean /v1/chat/completions/estimate?"),
        ("/v1/responses", "there are chat completions, models, files, batches."),
        ("/v2/embeddings", "there are chat completions, models, files, batches."),
        ("/", "There is no such URL here."),
        ("/favicon.ico", "There is no such URL here."),
    ],
)
def test_an_unknown_url_is_told_what_there_is(service: Service, path: str, words: str) -> None:
    reply = service.post({}, path=path)
    refused(service, reply, 404, "unknown_url")
    assert reply.json()["error"]["message"].endswith(words)


def test_another_method_is_405_and_overriding_it_changes_nothing(service: Service) -> None:
    wrong = service.get("/v1/chat/completions")
    refused(service, wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    known = service.request(
        "PATCH", "/v1/files", None, {"Authorization": f"Bearer {service.key}"}
    )
    refused(service, known, 405, "method_not_allowed")
    assert known.headers["allow"] == "GET, HEAD, POST"
    reply = service.post({}, path="/v1/models", **{"X-HTTP-Method-Override": "GET"})
    refused(service, reply, 405, "method_not_allowed")


@pytest.mark.parametrize(
    "host",
    ["x/?", "x/docs?", "x#", "x/health?", "a@b", "", "x/health", "health", "127.0.0.1/docs"],
)
def test_no_host_header_opens_a_route(service: Service, host: str) -> None:
    data = f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    (reply,) = replies(exchange(service, data))
    assert reply.error()[0] in {400, 401}


def test_two_hosts_are_400(service: Service) -> None:
    data = b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
    (reply,) = replies(exchange(service, data))
    assert reply.error() == (400, "invalid_value", None)


def test_a_foreign_page_is_told_nothing(service: Service) -> None:
    headers = {"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    for reply in (
        service.request("OPTIONS", "/v1/chat/completions", None, headers),
        service.get("/v1/models", Origin="https://evil.test"),
        service.request("GET", "/health", None, headers),
    ):
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_thousand_wrong_keys_leave_the_right_one_alone(service: Service) -> None:
    for place in range(1000):
        given = {"Authorization": f"Bearer sk-visus-{place}"}
        assert service.request("GET", "/v1/models", None, given).status in {401, 429}
    answered(service, service.post(ask("good")))


@pytest.mark.parametrize(
    "path", ["/health", "/docs", "/openapi.json", "/v1/models", "/nothing"]
)
def test_every_answer_may_not_be_stored_or_guessed_at(service: Service, path: str) -> None:
    for reply in (service.get(path), service.request("GET", path, None, {})):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-request-id"].startswith("req_")


def test_a_key_works_once_it_is_made_and_not_after_it_is_revoked(service: Service) -> None:
    made = _run(service, "keys", "create", "for a while")
    secret, key_id = made.stdout.strip(), made.stderr.partition(":")[0]
    given = {"Authorization": f"Bearer {secret}"}
    assert service.request("GET", "/v1/models", None, given).status == 200
    assert _run(service, "keys", "revoke", key_id).returncode == 0
    end_s = time.monotonic() + 1.5
    while service.request("GET", "/v1/models", None, given).status == 200:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    refused(service, service.request("GET", "/v1/models", None, given), 401, "invalid_api_key")
    assert service.get("/v1/models").status == 200


def test_the_database_holds_no_key(service: Service) -> None:
    stored = b"".join(
        path.read_bytes()
        for path in (service.folder / "state").rglob("*")
        if path.name != "first-key" and path.is_file()
    )
    assert stored
    assert service.key.encode() not in stored
    assert service.key.removeprefix("sk-visus-").encode()[:20] not in stored
