"""Every path of the server, with its handler."""

from collections.abc import Mapping, Sequence
from typing import Final

from visus.accounts.batches import BatchBook
from visus.accounts.jobs import JobBook
from visus.accounts.networks import MetricsSettings, Networks
from visus.accounts.webhooks import WebhookSecrets
from visus.media.library import Library
from visus.routing.choose import Upstreams
from visus.server import docs_page, openapi
from visus.server.background import BackgroundWork
from visus.server.backlog import Waiting
from visus.server.cached_read import CachedRead
from visus.server.gate import Entry, Handler
from visus.server.readiness import Readiness, ReadyRoute
from visus.server.routes import admin
from visus.server.routes.about import HEALTH, HTML, INERT, FixedRoute
from visus.server.routes.batches import (
    BatchesRoute,
    BatchRoute,
    CancelBatchRoute,
    NewBatchRoute,
)
from visus.server.routes.chat import ChatRoute
from visus.server.routes.estimate import EstimateRoute
from visus.server.routes.files import (
    DeleteFileRoute,
    FileContentRoute,
    FileRoute,
    FilesRoute,
    UploadRoute,
)
from visus.server.routes.models import ModelRoute, ModelsRoute
from visus.server.routes.operations import MetricsRoute, OpenMetricsRoute, StatusRoute
from visus.server.routes.queue import CancelJobRoute, JobRoute, QueueRoute
from visus.server.routes.usage import UsageRoute
from visus.server.routes.webhook_secrets import (
    NewWebhookSecretRoute,
    RevokeWebhookSecretRoute,
    WebhookSecretsRoute,
)
from visus.server.watch import Watch

VERSIONS: Final = ("/v1", "/v2")
"""They are the same."""
NEWEST: Final = "/v2"
"""What a path of the queue without a version means."""


def open_to_all(readiness: Readiness) -> Sequence[Entry]:
    """What may be read without a key."""
    return [
        Entry("/health", "GET", HEALTH),
        Entry("/health/live", "GET", HEALTH),
        Entry("/health/ready", "GET", ReadyRoute(readiness.reasons)),
        Entry("/openapi.json", "GET", FixedRoute(openapi.as_json)),
        Entry("/docs", "GET", FixedRoute(docs_page.as_page, (HTML, INERT))),
    ]


def of_models(
    chat: ChatRoute, estimate: EstimateRoute, upstreams: Upstreams, usage: UsageRoute
) -> Sequence[Entry]:
    """Asking models, and about them."""
    return [
        entry
        for prefix in VERSIONS
        for entry in (
            Entry(f"{prefix}/chat/completions", "POST", chat),
            Entry(f"{prefix}/chat/completions/estimate", "POST", estimate),
            Entry(f"{prefix}/models", "GET", ModelsRoute(upstreams)),
            Entry(f"{prefix}/models/{{model_id:path}}", "GET", ModelRoute(upstreams)),
            Entry(f"{prefix}/usage", "GET", usage),
        )
    ]


def of_files(library: Library, upload: UploadRoute, watch: Watch) -> Sequence[Entry]:
    """The files of a project."""
    content = FileContentRoute(library, watch)
    return [
        entry
        for prefix in VERSIONS
        for entry in (
            Entry(f"{prefix}/files", "POST", upload),
            Entry(f"{prefix}/files", "GET", FilesRoute(library)),
            Entry(f"{prefix}/files/{{file_id}}", "GET", FileRoute(library)),
            Entry(f"{prefix}/files/{{file_id}}", "DELETE", DeleteFileRoute(library)),
            Entry(f"{prefix}/files/{{file_id}}/content", "GET", content),
        )
    ]


def of_operators(
    status: StatusRoute, backlog: CachedRead[Waiting | None], settings: MetricsSettings
) -> Sequence[Entry]:
    """What those look at who look after the server."""
    metrics = MetricsRoute(status.counts, backlog)
    return [
        Entry("/metrics", "GET", OpenMetricsRoute(metrics, Networks(settings))),
        Entry("/admin/metrics", "GET", metrics),
        Entry("/admin/status", "GET", status),
    ]


def answered_later(chat: ChatRoute, estimate: EstimateRoute) -> Mapping[str, Handler]:
    """Who answers what the queue takes, by the path where it would be answered at once."""
    handlers: dict[str, Handler] = {}
    for prefix in VERSIONS:
        handlers[f"{prefix}/chat/completions"] = chat
        handlers[f"{prefix}/chat/completions/estimate"] = estimate
    return handlers


def of_queue(
    book: JobBook, background: BackgroundWork, chat: ChatRoute, estimate: EstimateRoute
) -> Sequence[Entry]:
    """Asking now, and fetching the answer later."""

    def queued(route: ChatRoute | EstimateRoute, path: str) -> QueueRoute:
        return QueueRoute(
            at_once=route,
            check=route.check,
            route=path,
            book=book,
            job_runner=background.job_runner,
            listeners=background.listeners,
        )

    def asked(version: str) -> QueueRoute:
        return queued(chat, f"{version}/chat/completions")

    def guessed(version: str) -> QueueRoute:
        return queued(estimate, f"{version}/chat/completions/estimate")

    cancel = CancelJobRoute(book, background.job_runner)
    entries = [
        Entry("/queue/chat/completions", "POST", asked(NEWEST)),
        Entry("/queue/chat/completions/estimate", "POST", guessed(NEWEST)),
        Entry("/queue/jobs/{job_id}", "GET", JobRoute(book)),
        Entry("/queue/jobs/{job_id}", "DELETE", cancel),
        Entry("/queue/jobs/{job_id}/cancel", "POST", cancel),
    ]
    for prefix in VERSIONS:
        entries += [
            Entry(f"/queue{prefix}/chat/completions", "POST", asked(prefix)),
            Entry(f"/queue{prefix}/chat/completions/estimate", "POST", guessed(prefix)),
        ]
    return entries


def of_batches(
    book: BatchBook, background: BackgroundWork, make: NewBatchRoute, upload: UploadRoute
) -> Sequence[Entry]:
    """Files of requests."""
    cancel = CancelBatchRoute(book, background.batch_runner)
    entries = [
        Entry("/queue/files", "POST", upload),
        Entry("/queue/batches", "POST", make),
        Entry("/queue/batches/{batch_id}/cancel", "POST", cancel),
    ]
    for prefix in VERSIONS:
        entries += [
            Entry(f"/queue{prefix}/files", "POST", upload),
            Entry(f"/queue{prefix}/batches", "POST", make),
            Entry(f"/queue{prefix}/batches/{{batch_id}}/cancel", "POST", cancel),
            Entry(f"{prefix}/batches", "POST", make),
            Entry(f"{prefix}/batches", "GET", BatchesRoute(book)),
            Entry(f"{prefix}/batches/{{batch_id}}", "GET", BatchRoute(book)),
            Entry(f"{prefix}/batches/{{batch_id}}/cancel", "POST", cancel),
        ]
    return entries


def of_administrators(
    here: admin.Admin, secrets: WebhookSecrets, usage: UsageRoute
) -> Sequence[Entry]:
    """What only the key of an administrator opens."""
    signing = WebhookSecretsRoute(here, secrets)
    sign = NewWebhookSecretRoute(here, secrets)
    unsign = RevokeWebhookSecretRoute(here, secrets)
    return [
        Entry("/admin/organisations", "GET", admin.OrganisationsRoute(here)),
        Entry("/admin/organisations", "POST", admin.NewOrganisationRoute(here)),
        Entry("/admin/projects", "GET", admin.ProjectsRoute(here)),
        Entry("/admin/projects", "POST", admin.NewProjectRoute(here)),
        Entry("/admin/projects/{project_id}", "GET", admin.ProjectRoute(here)),
        Entry("/admin/projects/{project_id}", "PATCH", admin.ChangeProjectRoute(here)),
        Entry("/admin/projects/{project_id}/archive", "POST", admin.ArchiveProjectRoute(here)),
        Entry("/admin/projects/{project_id}/webhook-secrets", "GET", signing),
        Entry("/admin/projects/{project_id}/webhook-secrets", "POST", sign),
        Entry("/admin/projects/{project_id}/webhook-secrets/{secret_id}", "DELETE", unsign),
        Entry("/admin/keys", "GET", admin.KeysRoute(here)),
        Entry("/admin/keys", "POST", admin.NewKeyRoute(here)),
        Entry("/admin/keys/{key_id}", "GET", admin.KeyRoute(here)),
        Entry("/admin/keys/{key_id}", "PATCH", admin.ChangeKeyRoute(here)),
        Entry("/admin/keys/{key_id}", "DELETE", admin.RevokeKeyRoute(here)),
        Entry("/admin/keys/{key_id}/rotate", "POST", admin.RotateKeyRoute(here)),
        Entry("/admin/usage", "GET", usage),
    ]
