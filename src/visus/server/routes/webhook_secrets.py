"""`/admin/projects/{id}/webhook-secrets`: what signs the webhooks of a project."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio.to_thread
import msgspec

from visus.accounts.webhooks import WebhookSecrets
from visus.errors import NotFound
from visus.server import admin_shapes as shapes
from visus.server.exchange import Exchange
from visus.server.routes.admin import Admin

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class WebhookSecretsRoute:
    """Every secret of a project."""

    admin: Admin
    book: WebhookSecrets

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        project_id = await _project(self.admin, exchange)
        found = await _run(lambda: self.book.known(project_id))
        shown = [shapes.webhook_secret_object(one) for one in found]
        body = msgspec.json.encode({"object": "list", "data": shown})
        await exchange.finish(200, body)


@dataclass(frozen=True, slots=True)
class NewWebhookSecretRoute:
    """Makes a secret; the one before signs for a while beside it."""

    admin: Admin
    book: WebhookSecrets

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made, with the secret itself."""
        asked = await self.admin.body(exchange, shapes.Rotation)
        project_id = await _project(self.admin, exchange)
        one, secret = await _run(
            lambda: self.book.create(project_id, overlap_s=asked.overlap_s)
        )
        shown = shapes.webhook_secret_object(one, secret)
        await exchange.finish(200, msgspec.json.encode(shown))


@dataclass(frozen=True, slots=True)
class RevokeWebhookSecretRoute:
    """Has a secret sign no more."""

    admin: Admin
    book: WebhookSecrets

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the secret as it is now.

        Raises:
            NotFound: the project has none of this id.
        """
        project_id = await _project(self.admin, exchange)
        secret_id = exchange.wanted_id("secret_id")
        await _run(lambda: self.book.revoke(secret_id, project_id=project_id))
        found = await _run(lambda: self.book.known(project_id))
        for one in found:
            if one.secret_id == secret_id:
                shown = shapes.webhook_secret_object(one)
                await exchange.finish(200, msgspec.json.encode(shown))
                return
        raise NotFound("There is nothing of this id here.")


async def _project(admin: Admin, exchange: Exchange) -> str:
    project_id = exchange.wanted_id("project_id")
    if await _run(lambda: admin.projects.find(project_id)) is None:
        raise NotFound("There is nothing of this id here.")
    return project_id


async def _run(work: Callable[[], _T]) -> _T:
    return await anyio.to_thread.run_sync(work)
