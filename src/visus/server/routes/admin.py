"""`/admin`: organisations, projects and keys, for whoever has the key of an administrator."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio.to_thread
import msgspec
from msgspec import UNSET, UnsetType

from visus.accounts.keys import USUAL, Key, KeyBook, Terms
from visus.accounts.projects import UNBOUND, Project, ProjectBook
from visus.accounts.usage import UsageBook
from visus.config import ServerSettings
from visus.errors import Conflict, InvalidValue, NotFound
from visus.server import admin_shapes as shapes
from visus.server.exchange import Exchange, read_json
from visus.wire.chat import shape_faults

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)
MAX_BODY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """What the routes have in common."""

    keys: KeyBook
    projects: ProjectBook
    usage: UsageBook
    models: Callable[[], Collection[str]]
    """The ids of the catalogue."""
    settings: ServerSettings

    async def body(self, exchange: Exchange, shape: type[_S]) -> _S:
        """What the administrator sent.

        Raises:
            InvalidJson: not JSON.
            CallerError: something is missing, is not as it may be, or nobody knows it.
        """
        raw = await read_json(exchange, self.settings, max_bytes=MAX_BODY_BYTES)
        with shape_faults():
            return msgspec.json.decode(raw or b"{}", type=shape)

    def check_models(self, wanted: Sequence[str] | UnsetType | None) -> None:
        """Refuses a model that nobody knows: whoever lists it has mistyped it."""
        known = self.models()
        for place, one in enumerate(wanted or () if wanted is not UNSET else ()):
            if one not in known:
                message = f"The model {one[:100]!r} does not exist here."
                raise InvalidValue(message, param=f"models[{place}]")

    def project_object(self, one: Project) -> shapes.ProjectObject:
        """What is told of a project. Blocking."""
        return shapes.project_object(
            one, self.usage.spending(one.project_id, now_s=time.time())
        )

    def key_object(self, key: Key, secret: str | None = None) -> shapes.KeyObject:
        """What is told of a key. Blocking."""
        terms = self.keys.terms(key.key_id) or USUAL
        return shapes.key_object(key, terms, now_s=time.time(), secret=secret)


@dataclass(frozen=True, slots=True)
class OrganisationsRoute:
    """Every organisation."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        found = await _run(self.admin.projects.organisations)
        await _send_list(exchange, [shapes.organisation_object(one) for one in found])


@dataclass(frozen=True, slots=True)
class NewOrganisationRoute:
    """Makes an organisation."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made."""
        asked = await self.admin.body(exchange, shapes.NewOrganisation)
        made = await _run(lambda: self.admin.projects.create_organisation(asked.name))
        await _send(exchange, shapes.organisation_object(made))


@dataclass(frozen=True, slots=True)
class ProjectsRoute:
    """Every project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        admin = self.admin
        found = await _run(
            lambda: [admin.project_object(one) for one in admin.projects.known()]
        )
        await _send_list(exchange, found)


@dataclass(frozen=True, slots=True)
class NewProjectRoute:
    """Makes a project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made."""
        admin = self.admin
        asked = await admin.body(exchange, shapes.NewProject)
        admin.check_models(asked.models)
        terms = asked.applied(UNBOUND)

        def make() -> shapes.ProjectObject:
            made = admin.projects.create(asked.name, terms, organisation_id=asked.organisation)
            return admin.project_object(made)

        await _send(exchange, await _run(make))


@dataclass(frozen=True, slots=True)
class ProjectRoute:
    """One project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        await _send(exchange, await _run(lambda: self._found(_wanted(exchange, "project_id"))))

    def _found(self, project_id: str) -> shapes.ProjectObject:
        return self.admin.project_object(_there(self.admin.projects.find(project_id)))


@dataclass(frozen=True, slots=True)
class ChangeProjectRoute:
    """Other terms for a project."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the project as it is now."""
        admin, project_id = self.admin, _wanted(exchange, "project_id")
        asked = await admin.body(exchange, shapes.ProjectChange)
        admin.check_models(asked.models)

        def change() -> shapes.ProjectObject:
            terms = asked.applied(_there(admin.projects.find(project_id)).terms)
            return admin.project_object(_there(admin.projects.change(project_id, terms)))

        await _send(exchange, await _run(change))


@dataclass(frozen=True, slots=True)
class ArchiveProjectRoute:
    """Ends a project: all its keys are refused from now on."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the project as it is now."""
        admin, project_id = self.admin, _wanted(exchange, "project_id")
        await _send(
            exchange,
            await _run(
                lambda: admin.project_object(_there(admin.projects.archive(project_id)))
            ),
        )


@dataclass(frozen=True, slots=True)
class KeysRoute:
    """Every key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        admin = self.admin
        found = await _run(lambda: [admin.key_object(one) for one in admin.keys.known()])
        await _send_list(exchange, found)


@dataclass(frozen=True, slots=True)
class NewKeyRoute:
    """Makes a key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made, with its secret."""
        admin = self.admin
        asked = await admin.body(exchange, shapes.NewKey)
        admin.check_models(asked.models)
        terms = asked.applied(USUAL)

        def make() -> shapes.KeyObject:
            key, secret = admin.keys.create(asked.name, terms, project_id=asked.project)
            return admin.key_object(key, secret)

        await _send(exchange, await _run(make))


@dataclass(frozen=True, slots=True)
class KeyRoute:
    """One key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        admin, key_id = self.admin, _wanted(exchange, "key_id")
        await _send(
            exchange, await _run(lambda: admin.key_object(_there(admin.keys.get(key_id))))
        )


@dataclass(frozen=True, slots=True)
class ChangeKeyRoute:
    """Other terms for a key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the key as it is now."""
        admin, key_id = self.admin, _wanted(exchange, "key_id")
        asked = await admin.body(exchange, shapes.KeyChange)
        admin.check_models(asked.models)

        def change() -> shapes.KeyObject:
            terms: Terms = asked.applied(_there(admin.keys.terms(key_id)))
            if not admin.keys.change(key_id, terms):
                raise Conflict("This key is revoked.")
            return admin.key_object(_there(admin.keys.get(key_id)))

        await _send(exchange, await _run(change))


@dataclass(frozen=True, slots=True)
class RevokeKeyRoute:
    """Ends a key."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the key as it is now; one that was revoked before stays so."""
        admin, key_id = self.admin, _wanted(exchange, "key_id")

        def end() -> shapes.KeyObject:
            admin.keys.revoke(key_id)
            return admin.key_object(_there(admin.keys.get(key_id)))

        await _send(exchange, await _run(end))


@dataclass(frozen=True, slots=True)
class RotateKeyRoute:
    """Puts a new key in the place of an old one, which stays valid for a while."""

    admin: Admin

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the new key, with its secret."""
        admin, key_id = self.admin, _wanted(exchange, "key_id")
        asked = await admin.body(exchange, shapes.Rotation)

        def rotate() -> shapes.KeyObject:
            _there(admin.keys.get(key_id))
            made = admin.keys.rotate(key_id, overlap_s=asked.overlap_s)
            if made is None:
                raise Conflict("This key is no longer valid.")
            return admin.key_object(*made)

        await _send(exchange, await _run(rotate))


def _wanted(exchange: Exchange, name: str) -> str:
    return exchange.wanted_id(name)


def _there(found: _T | None) -> _T:
    if found is None:
        raise NotFound("There is nothing of this id here.")
    return found


async def _run(work: Callable[[], _T]) -> _T:
    return await anyio.to_thread.run_sync(work)


async def _send(exchange: Exchange, one: msgspec.Struct) -> None:
    await exchange.finish(200, msgspec.json.encode(one))


async def _send_list(exchange: Exchange, found: Sequence[msgspec.Struct]) -> None:
    await exchange.finish(200, msgspec.json.encode({"object": "list", "data": found}))
