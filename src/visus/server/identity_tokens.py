"""Bearer tokens of an OpenID Connect issuer, accepted beside our own keys.

A token is a signed statement of who calls; their project is in one of its claims.
An issuer's keys are found by its discovery document (OpenID Connect Discovery 1.0, section 4),
kept, and asked for again when a token names one that is not among them.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import anyio.to_thread
import msgspec

from visus.accounts.keys import SUBJECT, Key
from visus.accounts.projects import Project, ProjectBook
from visus.accounts.settings import Issuer
from visus.core.places import Site
from visus.errors import IdentityUnavailable, InvalidApiKey, ServiceError
from visus.providers.transport import Endpoint, Transport

if TYPE_CHECKING:
    from jwt import PyJWK

_Shape = TypeVar("_Shape", bound=msgspec.Struct)
MAX_TOKEN_CHARS: Final = 16_384
DISCOVERY: Final = "/.well-known/openid-configuration"
ASK_AGAIN_AFTER_S: Final = 5.0
"""An issuer is not asked for its keys more often, whatever tokens say."""
ASK_WITHIN_S: Final = 5.0
"""How long an issuer may take to tell its keys: callers wait for them."""


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Head(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None


class _Claims(msgspec.Struct, frozen=True):
    iss: str


@dataclass(slots=True)
class _Known:
    """What is known of an issuer."""

    keys: Mapping[str | None, "PyJWK"] = field(default_factory=dict[str | None, "PyJWK"])
    asked_s: float = -ASK_AGAIN_AFTER_S
    """When it was last asked, with an answer or without."""
    fault: str | None = None
    """What was wrong then, for the log."""
    asking: anyio.Lock = field(default_factory=anyio.Lock)


def looks_like_one(bearer: str) -> bool:
    """Whether this is a signed token by its form: three parts, of which the first is JSON."""
    return bearer.startswith("eyJ") and bearer.count(".") == 2  # noqa: PLR2004 -- RFC 7515, section 7.1


class IdentityTokens:
    """Knows callers by their tokens."""

    def __init__(
        self, issuers: Sequence[Issuer], *, projects: ProjectBook, transport: Transport
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._known = {issuer.issuer: _Known() for issuer in issuers}
        self._projects = projects
        self._transport = transport

    async def key(self, token: str) -> Key:
        """The rights of a token's holder, as a key.

        Raises:
            InvalidApiKey: unsigned, forged, expired, of another issuer or for somebody else, or
                of nobody who has a project here.
            IdentityUnavailable: the issuer does not tell its keys.
        """
        head, issuer = self._taken_apart(token)
        if issuer is None or head.alg not in issuer.algorithms:
            raise _wrong()
        signer = await self._signer(issuer, head.kid)
        claims = _verified(token, signer, issuer, head.alg)
        for project_id in _named(claims, issuer):
            project = await anyio.to_thread.run_sync(self._projects.find, project_id)
            if project is not None and project.archived_at is None:
                return _as_key(claims, project)
        raise _wrong()

    def _taken_apart(self, token: str) -> tuple[_Head, Issuer | None]:
        """Its head, and whose it says it is: nothing of that is believed yet."""
        import jwt  # noqa: PLC0415 -- most installations have no use for it

        try:
            head = msgspec.convert(jwt.get_unverified_header(token), _Head)
            claims = jwt.decode(token, options={"verify_signature": False})
            said = msgspec.convert(claims, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as fault:
            raise _wrong() from fault
        return head, self._issuers.get(said.iss)

    async def _signer(self, issuer: Issuer, kid: str | None) -> "PyJWK":
        known = self._known[issuer.issuer]
        is_old = time.monotonic() - known.asked_s > issuer.keys_kept_s
        if kid not in known.keys or (is_old and not known.asking.locked()):
            async with known.asking:
                if time.monotonic() - known.asked_s >= ASK_AGAIN_AFTER_S:
                    await self._learn(issuer, known)
        signer = known.keys.get(kid)
        if signer is None and known.fault is not None:
            message = "The issuer of the token cannot be asked."
            raise IdentityUnavailable(message, detail=known.fault, retry_after_s=5)
        if signer is None:
            raise _wrong()
        return signer

    async def _learn(self, issuer: Issuer, known: _Known) -> None:
        """Asks the issuer for its keys; where it does not answer, old ones stay good."""
        try:
            # Others wait for the same answer: who hangs up must not spoil it for them.
            with anyio.fail_after(ASK_WITHIN_S, shield=True):
                known.keys = _usable(await self._told(issuer))
            known.fault = None
        except TimeoutError:
            known.fault = "it did not answer in time"
        except ServiceError as fault:
            known.fault = fault.detail or fault.message
        known.asked_s = time.monotonic()

    async def _told(self, issuer: Issuer) -> _KeySet:
        found = await self._get(issuer.issuer.rstrip("/") + DISCOVERY, _Discovery)
        if found.issuer != issuer.issuer:
            message = "The issuer of the token cannot be asked."
            raise IdentityUnavailable(message, detail="it names another issuer")
        return await self._get(found.jwks_uri, _KeySet)

    async def _get(self, url: str, shape: type[_Shape]) -> _Shape:
        try:
            endpoint = Endpoint.of(
                url, {"Accept": "application/json"}, Site("issuer"), method="GET"
            )
        except ValueError as fault:
            raise IdentityUnavailable(
                "The issuer cannot be asked.", detail=url[:200]
            ) from fault
        reply = await self._transport.send(endpoint, (), ())
        try:
            body = await reply.read()
        finally:
            reply.close()
        try:
            if reply.status != 200:  # noqa: PLR2004 -- HTTP
                raise msgspec.ValidationError(f"status {reply.status}")
            return msgspec.json.decode(body, type=shape)
        except msgspec.DecodeError as fault:
            raise IdentityUnavailable(
                "The issuer cannot be asked.", detail=str(fault)[:200]
            ) from fault


def _usable(keys: _KeySet) -> Mapping[str | None, "PyJWK"]:
    """Those that can check a signature; a set may hold others, which are passed over."""
    import jwt  # noqa: PLC0415 -- as above

    found: dict[str | None, PyJWK] = {}
    for one in keys.keys:
        if one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            found[one.get("kid")] = jwt.PyJWK(one)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
    return found


def _verified(token: str, signer: "PyJWK", issuer: Issuer, algorithm: str) -> dict[str, Any]:
    import jwt  # noqa: PLC0415 -- as above

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            signer,
            algorithms=[algorithm],
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=issuer.leeway_s,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as fault:
        raise _wrong() from fault
    return claims


def _named(claims: Mapping[str, Any], issuer: Issuer) -> Sequence[str]:
    """The projects that a token names, in order: as `Issuer.projects` has it, or by id."""
    try:
        said = msgspec.convert(claims.get(issuer.project_claim), str | list[str])
    except msgspec.ValidationError:
        return ()
    values = [said] if isinstance(said, str) else said
    if not issuer.projects:
        return values
    return [issuer.projects[one] for one in values if one in issuer.projects]


def _as_key(claims: Mapping[str, Any], project: Project) -> Key:
    who = f"{claims['iss']}\n{claims['sub']}".encode()
    terms = project.terms
    return Key(
        key_id=f"{SUBJECT}{hashlib.sha256(who).hexdigest()[:32]}",
        name=str(claims["sub"])[:200],
        hint="",
        created_at=int(claims.get("iat", 0)),
        expires_at=int(claims["exp"]),
        project_id=project.project_id,
        within=terms.demands,
        models=None if terms.models is None else frozenset(terms.models),
        project_limits=terms.limits,
        budget_micros=terms.budget_micros,
    )


def _wrong() -> InvalidApiKey:
    return InvalidApiKey("The bearer token is not valid.")
