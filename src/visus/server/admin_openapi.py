"""The routes under `/admin`, as OpenAPI describes them."""

from collections.abc import Callable
from typing import Any, Final

from visus.server import admin_shapes as shapes

ADMIN_SHAPES: Final = (
    shapes.NewOrganisation,
    shapes.OrganisationObject,
    shapes.NewProject,
    shapes.ProjectChange,
    shapes.ProjectObject,
    shapes.NewKey,
    shapes.KeyChange,
    shapes.Rotation,
    shapes.KeyObject,
    shapes.WebhookSecretObject,
)


def admin_paths(
    operation: Callable[..., dict[str, Any]], usage: Callable[[str, str], dict[str, Any]]
) -> dict[str, Any]:
    """Each path with its operations.

    Args:
        operation: describes one, by summary, name and shape of the answer.
        usage: the same for sums of the ledger.
    """

    def taking(shape: str, summary: str, name: str, answer: str) -> dict[str, Any]:
        described = operation(summary, name, answer=answer)
        schema = {"$ref": f"#/components/schemas/{shape}"}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
        return described

    return {
        **_organisation_paths(operation, taking),
        **_project_paths(operation, taking),
        **_webhook_secret_paths(operation, taking),
        **_key_paths(operation, taking),
        "/admin/usage": {"get": usage("Usage and cost of all projects", "admin_usage")},
    }


def _organisation_paths(
    operation: Callable[..., dict[str, Any]], taking: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    organisations = {
        "get": operation("List organisations", "organisations"),
        "post": taking(
            "NewOrganisation",
            "Create an organisation",
            "new_organisation",
            "OrganisationObject",
        ),
    }
    return {"/admin/organisations": organisations}


def _project_paths(
    operation: Callable[..., dict[str, Any]], taking: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    projects = {
        "get": operation("List projects", "projects"),
        "post": taking("NewProject", "Create a project", "new_project", "ProjectObject"),
    }
    project = {
        "get": operation("Get a project", "project", answer="ProjectObject"),
        "patch": taking("ProjectChange", "Change a project", "change_project", "ProjectObject"),
    }
    archive = {
        "post": operation(
            "Archive a project: its keys are refused", "archive_project", answer="ProjectObject"
        )
    }
    _with_id("project_id", project, archive)
    return {
        "/admin/projects": projects,
        "/admin/projects/{project_id}": project,
        "/admin/projects/{project_id}/archive": archive,
    }


def _key_paths(
    operation: Callable[..., dict[str, Any]], taking: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    keys = {
        "get": operation("List keys", "keys"),
        "post": taking("NewKey", "Create a key, which is shown once", "new_key", "KeyObject"),
    }
    key = {
        "get": operation("Get a key", "key", answer="KeyObject"),
        "patch": taking("KeyChange", "Change a key", "change_key", "KeyObject"),
        "delete": operation("Revoke a key", "revoke_key", answer="KeyObject"),
    }
    rotate = {"post": taking("Rotation", "Rotate a key", "rotate_key", "KeyObject")}
    _with_id("key_id", key, rotate)
    return {
        "/admin/keys": keys,
        "/admin/keys/{key_id}": key,
        "/admin/keys/{key_id}/rotate": rotate,
    }


def _webhook_secret_paths(
    operation: Callable[..., dict[str, Any]], taking: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    signing = {
        "get": operation("List a project's webhook secrets", "webhook_secrets"),
        "post": taking(
            "Rotation",
            "Create a webhook secret, which is shown once",
            "new_webhook_secret",
            "WebhookSecretObject",
        ),
    }
    unsign = {
        "delete": operation(
            "Revoke a webhook secret", "revoke_webhook_secret", answer="WebhookSecretObject"
        )
    }
    _with_id("project_id", signing, unsign)
    _with_id("secret_id", unsign)
    path = "/admin/projects/{project_id}/webhook-secrets"
    return {path: signing, f"{path}/{{secret_id}}": unsign}


def _with_id(name: str, *paths: dict[str, Any]) -> None:
    parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for path in paths:
        for described in path.values():
            described["parameters"] = [*described.get("parameters", ()), parameter]
