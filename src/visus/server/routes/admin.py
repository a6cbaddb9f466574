"""`/admin`: organisations, projects and keys, for administrators."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from anyio.to_thread import run_sync
from msgspec import UNSET, UnsetType

from visus.accounts.keys import USUAL, Key, KeyBook, Terms
from visus.accounts.projects import UNBOUND, Project, ProjectBook
from visus.accounts.usage import UsageBook
from visus.config import ServerSettings
from visus.errors import Conflict, InvalidValue, NotFound
from visus.server import admin_shapes as shapes
from visus.server.exchange import Exchange, read_json
from visus.wire.shape_faults import shape_faults

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)
MAX_BODY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """What all admin routes share."""

    keys: KeyBook
    projects: ProjectBook
    usage: UsageBook
    models: Callable[[], Collection[str]]
    """The ids of the catalogue."""
    providers: Callable[[], Collection[str]]
    """The names of the providers in it."""
    settings: ServerSettings

    async def body(self, exchange: Exchange, shape: type[_S]) -> _S:
        """The body of the request.

        Raises:
            InvalidJson: not JSON.
            CallerError: a field is missing, unknown, or has a wrong value.
        """
        raw = await read_json(exchange, self.settings, max_bytes=MAX_BODY_BYTES)
        with shape_faults(shape):
            return msgspec.json.decode(raw or b"{}", type=shape)

    def check(self, asked: shapes.ProjectChange | shapes.KeyChange) -> None:
        """Refuses a model or provider that the catalogue has not: it is probably mistyped."""
        _check_names("model", asked.models, self.models())
        _check_names("provider", asked.providers, self.providers())

    def project_object(self, one: Project) -> shapes.ProjectObject:
        """A project as JSON. Blocking."""
        return shapes.project_object(
            one, self.usage.spending(one.project_id, now_s=time.time())
        )

    def key_object(self, key: Key, secret: str | None = None) -> shapes.KeyObject:
        """A key as JSON. Blocking."""
        terms = self.keys.terms(key.key_id) or USUAL
        return shapes.key_object(key, terms, now_s=time.time(), secret=secret)


@dataclass(frozen=True, slots=True)
class OrganisationsRoute:
    """Every organisation."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        found = await run_sync(self.admin.projects.organisations)
        await send_list(exchange, [shapes.organisation_object(one) for one in found])


@dataclass(frozen=True, slots=True)
class NewOrganisationRoute:
    """Makes an organisation."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made."""
        asked = await self.admin.body(exchange, shapes.NewOrganisation)
        made = await run_sync(lambda: self.admin.projects.create_organisation(asked.name))
        await send(exchange, shapes.organisation_object(made))


@dataclass(frozen=True, slots=True)
class ProjectsRoute:
    """Every project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        admin = self.admin
        found = await run_sync(
            lambda: [admin.project_object(one) for one in admin.projects.known()]
        )
        await send_list(exchange, found)


@dataclass(frozen=True, slots=True)
class NewProjectRoute:
    """Makes a project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made."""
        admin = self.admin
        asked = await admin.body(exchange, shapes.NewProject)
        admin.check(asked)
        terms = asked.applied(UNBOUND)

        def make() -> shapes.ProjectObject:
            made = admin.projects.create(asked.name, terms, organisation_id=asked.organisation)
            return admin.project_object(made)

        await send(exchange, await run_sync(make))


@dataclass(frozen=True, slots=True)
class ProjectRoute:
    """One project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        await send(
            exchange, await run_sync(lambda: self._found(exchange.wanted_id("project_id")))
        )

    def _found(self, project_id: str) -> shapes.ProjectObject:
        return self.admin.project_object(existing(self.admin.projects.find(project_id)))


@dataclass(frozen=True, slots=True)
class ChangeProjectRoute:
    """Other terms for a project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the project as it is now."""
        admin, project_id = self.admin, exchange.wanted_id("project_id")
        asked = await admin.body(exchange, shapes.ProjectChange)
        admin.check(asked)

        def change() -> shapes.ProjectObject:
            terms = asked.applied(existing(admin.projects.find(project_id)).terms)
            return admin.project_object(existing(admin.projects.change(project_id, terms)))

        await send(exchange, await run_sync(change))


@dataclass(frozen=True, slots=True)
class ArchiveProjectRoute:
    """Ends a project: all its keys are refused from now on."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the project as it is now."""
        admin, project_id = self.admin, exchange.wanted_id("project_id")
        await send(
            exchange,
            await run_sync(
                lambda: admin.project_object(existing(admin.projects.archive(project_id)))
            ),
        )


@dataclass(frozen=True, slots=True)
class KeysRoute:
    """Every key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        admin = self.admin
        found = await run_sync(lambda: [admin.key_object(one) for one in admin.keys.known()])
        await send_list(exchange, found)


@dataclass(frozen=True, slots=True)
class NewKeyRoute:
    """Makes a key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made, with its secret."""
        admin = self.admin
        asked = await admin.body(exchange, shapes.NewKey)
        admin.check(asked)
        terms = asked.applied(USUAL)

        def make() -> shapes.KeyObject:
            key, secret = admin.keys.create(asked.name, terms, project_id=asked.project)
            return admin.key_object(key, secret)

        await send(exchange, await run_sync(make))


@dataclass(frozen=True, slots=True)
class KeyRoute:
    """One key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        admin, key_id = self.admin, exchange.wanted_id("key_id")
        await send(
            exchange, await run_sync(lambda: admin.key_object(existing(admin.keys.get(key_id))))
        )


@dataclass(frozen=True, slots=True)
class ChangeKeyRoute:
    """Other terms for a key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the key as it is now."""
        admin, key_id = self.admin, exchange.wanted_id("key_id")
        asked = await admin.body(exchange, shapes.KeyChange)
        admin.check(asked)

        def change() -> shapes.KeyObject:
            terms: Terms = asked.applied(existing(admin.keys.terms(key_id)))
            if not admin.keys.change(key_id, terms):
                raise Conflict("This key is revoked.")
            return admin.key_object(existing(admin.keys.get(key_id)))

        await send(exchange, await run_sync(change))


@dataclass(frozen=True, slots=True)
class RevokeKeyRoute:
    """Ends a key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the key as it is now; one that was revoked before stays so."""
        admin, key_id = self.admin, exchange.wanted_id("key_id")

        def end() -> shapes.KeyObject:
            admin.keys.revoke(key_id)
            return admin.key_object(existing(admin.keys.get(key_id)))

        await send(exchange, await run_sync(end))


@dataclass(frozen=True, slots=True)
class RotateKeyRoute:
    """Puts a new key in the place of an old one, which stays valid for a while."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the new key, with its secret."""
        admin, key_id = self.admin, exchange.wanted_id("key_id")
        asked = await admin.body(exchange, shapes.Rotation)

        def rotate() -> shapes.KeyObject:
            existing(admin.keys.get(key_id))
            made = admin.keys.rotate(key_id, overlap_s=asked.overlap_s)
            if made is None:
                raise Conflict("This key is no longer valid.")
            return admin.key_object(*made)

        await send(exchange, await run_sync(rotate))


def _check_names(
    what: str, wanted: Sequence[str] | UnsetType | None, known: Collection[str]
) -> None:
    for place, one in enumerate(() if wanted is UNSET else wanted or ()):
        if one not in known:
            message = f"The {what} {one[:100]!r} does not exist here."
            raise InvalidValue(message, param=f"{what}s[{place}]")


def existing(found: _T | None) -> _T:
    """What was looked up.

    Raises:
        NotFound: it is None.
    """
    if found is None:
        raise NotFound("There is nothing of this id here.")
    return found


async def send(exchange: Exchange, one: msgspec.Struct) -> None:
    """Answers with one object."""
    await exchange.finish(200, msgspec.json.encode(one))


async def send_list(exchange: Exchange, found: Sequence[msgspec.Struct]) -> None:
    """Answers with a list of objects."""
    await exchange.finish(200, msgspec.json.encode({"object": "list", "data": found}))
