"""Bearer tokens of an OpenID Connect issuer (threats.md, 7.7), whose server is a real one."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from tests.conftest import CALM, FAST, upstream_config
from tests.server.test_keys_and_money import call, eventually, made, question, row, visus
from tests.support.claims import answered, refused
from tests.support.service import Service, ask
from tests.support.upstream import Upstream


class House:
    """An issuer: its keys, its discovery document, and how often it was asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"one": rsa.generate_private_key(65537, 2048)}
        self.asked = 0
        self.is_down = False
        self.odd_keys: list[Any] = []
        """Told besides its own."""
        self.may_speak = threading.Event()
        """While it is not set, nobody gets an answer."""
        self.may_speak.set()
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                house.asked += 1
                house.may_speak.wait(30)
                body = json.dumps(house.answer(self.path)).encode()
                self.send_response(503 if house.is_down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/realms/acme"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> Any:
        if path.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        own = [self._public(kid, key) for kid, key in self.keys.items()]
        return {"keys": [*self.odd_keys, *own]}

    def _public(self, kid: str, key: Any) -> dict[str, Any]:
        kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}

    def token(self, kid: str = "one", *, algorithm: str = "RS256", **claims: Any) -> str:
        now_s = int(time.time())
        usual = {"iss": self.url, "aud": "visus", "sub": "zoe", "iat": now_s, "exp": now_s + 60}
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(said, self.keys[kid], algorithm=algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    running = House()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture(scope="module")
def federated(
    upstream: Upstream, house: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service with an issuer whose tokens it takes."""
    issuer = f"""
[ledger]
write_every_s = 0.05
[[accounts.issuers]]
issuer = "{house.url}"
audience = "visus"
project_claim = "groups"
algorithms = ["RS256", "ES256"]
"""
    running = Service(
        tmp_path_factory.mktemp("federated"),
        upstream_config(upstream.port, FAST, issuer),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def boss(federated: Service) -> str:
    return visus(federated, "admin", "keys", "create", "boss", "--admin")


@pytest.fixture(scope="module")
def project(federated: Service, boss: str) -> str:
    found: str = made(federated, boss, "projects", models=["good", "late"])["id"]
    return found


def test_a_token_is_as_good_as_a_key_of_its_project(
    federated: Service, house: House, project: str
) -> None:
    token = house.token(groups=["staff", project])
    with openai.OpenAI(base_url=federated.url, api_key=token) as client:
        said = client.chat.completions.create(
            model="good", messages=[{"role": "user", "content": "Hello"}]
        )
        assert said.choices[0].message.content == "A red böat."
        file_id = client.files.create(file=("a", b"abc"), purpose="user_data").id
    found = row(federated, question(federated, token))
    assert found["project_id"] == project
    assert found["key_id"].startswith("sub_")
    refused(federated, question(federated, token, "echo"), 403, "model_not_allowed", "model")
    # Files are the project's, whoever of it asks.
    other = house.token(groups=project, sub="somebody else")
    assert call(federated, other, "GET", f"/v1/files/{file_id}").status == 200
    refused(federated, call(federated, token, "GET", "/admin/keys"), 403, "admin_only")


def test_what_a_token_asked_for_later_is_answered(
    federated: Service, house: House, project: str
) -> None:
    headers = {"Authorization": f"Bearer {house.token(groups=project)}"}
    body = ask("good")
    path = "/queue/v1/chat/completions"
    job = federated.post(body, path=path, Prefer="respond-async", **headers).json()
    look = lambda: federated.get(job["url"], **headers).json()["status"]  # noqa: E731
    eventually(look, "completed")


def test_a_key_is_still_a_key(federated: Service) -> None:
    answered(federated, question(federated, federated.key))


def _body(token: str) -> str:
    return token.split(".")[1]


def _unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def test_what_is_forged_old_or_for_somebody_else_is_401(
    federated: Service, house: House, project: str
) -> None:
    good = house.token(groups=project)
    head, body, signature = good.split(".")
    now_s = int(time.time())
    stranger = House()
    stranger.url = house.url
    public = house.keys["one"].public_key()
    wrong = {
        "unsigned": _unsigned(good),
        "another body": f"{head}.{_body(house.token(sub='eve', groups=project))}.{signature}",
        "another signer": stranger.token(groups=project),
        "a secret that is public": _with_secret(house, public, project),
        "an algorithm that is not accepted": house.token(groups=project, algorithm="RS512"),
        "expired": house.token(groups=project, exp=now_s - 40),
        "not yet": house.token(groups=project, nbf=now_s + 300),
        "for somebody else": house.token(groups=project, aud="another"),
        "by somebody else": house.token(groups=project, iss="https://else.example.test"),
        "without an end": house.token(groups=project, exp=None),
        "of nobody": house.token(groups=project, sub=None),
        "of no project": house.token(),
        "of a project that is none": house.token(groups=["proj_0", "x"]),
        "of a strange claim": house.token(groups={"a": 1}),
        "no JSON": "eyJhbGciOiJSUzI1NiJ.e30.x",
        "too long": house.token(groups=project, more="x" * 20_000),
    }
    stranger.server.server_close()
    for name, token in wrong.items():
        reply = call(federated, token, "GET", "/v1/models")
        assert reply.status in {401, 431}, name
        assert body not in federated.log()
    answered(federated, question(federated, good))


def _with_secret(house: House, public: Any, project: str) -> str:
    """Signed with the issuer's public key as if it were a shared secret."""
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = house.token(groups=project).split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
    mac = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_an_issuer_may_change_its_keys_and_is_not_asked_for_every_token(
    federated: Service, house: House, project: str
) -> None:
    answered(federated, question(federated, house.token(groups=project)))
    before = house.asked
    for place in range(5):
        answered(federated, question(federated, house.token(groups=project, jti=str(place))))
    assert house.asked == before
    house.keys["two"] = ec.generate_private_key(ec.SECP256R1())
    time.sleep(5.1)
    new = house.token("two", algorithm="ES256", groups=project)
    answered(federated, question(federated, new))
    assert house.asked == before + 2
    for place in range(5):  # a key that nobody has makes nobody ask again and again
        forged = house.token("two", algorithm="ES256", groups=project, jti=str(place))
        head = base64.urlsafe_b64encode(b'{"alg":"ES256","kid":"x"}').rstrip(b"=").decode()
        token = f"{head}.{forged.split('.')[1]}.{forged.split('.')[2]}"
        refused(federated, call(federated, token, "GET", "/v1/models"), 401, "invalid_api_key")
    assert house.asked <= before + 4


def test_a_project_that_is_archived_takes_its_people_with_it(
    federated: Service, house: House, boss: str
) -> None:
    gone = made(federated, boss, "projects")["id"]
    token = house.token(groups=gone)
    answered(federated, question(federated, token))
    call(federated, boss, "POST", f"/admin/projects/{gone}/archive")
    time.sleep(0.7)
    refused(federated, question(federated, token), 401, "invalid_api_key")


def test_an_issuer_that_is_away_is_503_until_it_is_back(
    upstream: Upstream, tmp_path: Path
) -> None:
    house = House()
    house.is_down = True
    config = FAST + f'[[accounts.issuers]]\nissuer = "{house.url}"\naudience = "visus"\n'
    service = Service(tmp_path, upstream_config(upstream.port, config), SCRIPTED_KEY="sk-x")
    try:
        boss = visus(service, "admin", "keys", "create", "boss", "--admin")
        project = made(service, boss, "projects")["id"]
        token = house.token(visus_project=project)
        for _ in range(3):
            refused(service, question(service, token), 503, "identity_unavailable")
        answered(service, question(service, service.key))
        house.is_down = False
        time.sleep(5.1)
        answered(service, question(service, token))
        house.is_down = True  # what it said is remembered
        answered(service, question(service, house.token(visus_project=project, jti="2")))
    finally:
        service.stop()
        house.server.shutdown()
        house.server.server_close()


def test_an_issuer_that_is_silent_holds_nobody_up_for_long(
    upstream: Upstream, tmp_path: Path
) -> None:
    house = House()
    house.odd_keys = [
        {"kty": "RSA", "n": 5},
        {"kty": "EC", "crv": "P-256", "x": "!", "kid": []},
    ]
    config = CALM + (
        f'[[accounts.issuers]]\nissuer = "{house.url}"\naudience = "visus"\nkeys_kept_s = 60\n'
    )
    service = Service(tmp_path, upstream_config(upstream.port, config), SCRIPTED_KEY="sk-x")
    try:
        boss = visus(service, "admin", "keys", "create", "boss", "--admin")
        project = made(service, boss, "projects")["id"]
        token = house.token(visus_project=project)
        house.may_speak.clear()
        began_s = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            for reply in pool.map(lambda _: question(service, token), range(4)):
                refused(service, reply, 503, "identity_unavailable")
        assert time.monotonic() - began_s < 9
        house.may_speak.set()
        time.sleep(5.1)
        answered(service, question(service, token))
    finally:
        house.may_speak.set()
        service.stop()
        house.server.shutdown()
        house.server.server_close()
