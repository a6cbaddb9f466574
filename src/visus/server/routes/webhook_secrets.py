"""`/admin/projects/{id}/webhook-secrets`: the secrets that sign a project's webhooks."""

from dataclasses import dataclass

from anyio.to_thread import run_sync

from visus.accounts.webhooks import WebhookSecrets
from visus.server import admin_shapes as shapes
from visus.server.exchange import Exchange
from visus.server.routes.admin import Admin, existing, send, send_list


@dataclass(frozen=True, slots=True)
class WebhookSecretsRoute:
    """Every secret of a project."""

    admin: Admin
    book: WebhookSecrets

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        project_id = await _project(self.admin, exchange)
        found = await run_sync(lambda: self.book.known(project_id))
        shown = [shapes.webhook_secret_object(one) for one in found]
        await send_list(exchange, shown)


@dataclass(frozen=True, slots=True)
class NewWebhookSecretRoute:
    """Creates a secret; the previous one stays valid for a while."""

    admin: Admin
    book: WebhookSecrets

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what was made, with the secret itself."""
        asked = await self.admin.body(exchange, shapes.Rotation)
        project_id = await _project(self.admin, exchange)
        one, secret = await run_sync(
            lambda: self.book.create(project_id, overlap_s=asked.overlap_s)
        )
        await send(exchange, shapes.webhook_secret_object(one, secret))


@dataclass(frozen=True, slots=True)
class RevokeWebhookSecretRoute:
    """Revokes a secret: it signs no more webhooks."""

    admin: Admin
    book: WebhookSecrets

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the secret as it is now.

        Raises:
            NotFound: the project has none of this id.
        """
        project_id = await _project(self.admin, exchange)
        secret_id = exchange.wanted_id("secret_id")
        await run_sync(lambda: self.book.revoke(secret_id, project_id=project_id))
        found = await run_sync(lambda: self.book.known(project_id))
        revoked = next((one for one in found if one.secret_id == secret_id), None)
        await send(exchange, shapes.webhook_secret_object(existing(revoked)))


async def _project(admin: Admin, exchange: Exchange) -> str:
    project_id = exchange.wanted_id("project_id")
    existing(await run_sync(admin.projects.find, project_id))
    return project_id
