"""The routes of jobs and batches, as OpenAPI describes them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from visus.wire.batches import BATCH_ID, MAX_LIMIT

_NEVER_LATER: Final = ("/files", "/batches", "/batches/{batch_id}/cancel")
QUEUED: Final = ("/chat/completions", "/chat/completions/estimate", *_NEVER_LATER)
"""The paths that are also served under `/queue`; files and batches are never queued."""


def queue_paths(
    operation: Callable[..., dict[str, Any]], at_once: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Each path with its operations.

    Args:
        operation: describes one, by summary, name and shape of the answer.
        at_once: the routes of `QUEUED`, as they are described where nothing waits.
    """
    paths: dict[str, Any] = {}
    for path, described in at_once.items():
        for prefix in ("", "/v1", "/v2"):
            paths[f"/queue{prefix}{path}"] = {"post": _queued(prefix, path, described)}
    job = {
        "get": operation("Get a job's status and answer", "job", answer="JobObject"),
        "delete": operation("Cancel a job", "delete_job", answer="JobObject"),
    }
    cancel = {"post": operation("Cancel a job", "cancel_job", answer="JobObject")}
    for described in (*job.values(), *cancel.values()):
        described["parameters"] = [
            {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    return paths | {"/queue/jobs/{job_id}": job, "/queue/jobs/{job_id}/cancel": cancel}


def batch_paths(operation: Callable[..., dict[str, Any]], prefix: str) -> dict[str, Any]:
    """The routes of batches under `prefix`."""
    name = prefix.strip("/")
    make = operation(
        "Create a batch from a file of requests", f"batch_{name}", answer="BatchObject"
    )
    schema = {"$ref": "#/components/schemas/BatchRequest"}
    make["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": schema}},
    }
    listed = operation("List your project's batches", f"batches_{name}", answer="BatchList")
    listed["parameters"] = [
        {
            "name": "after",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{BATCH_ID.pattern}$"},
        },
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        },
    ]
    one = operation("Get a batch's status", f"one_batch_{name}", answer="BatchObject")
    cancel = operation("Cancel a batch", f"cancel_batch_{name}", answer="BatchObject")
    for described in (one, cancel):
        described["parameters"] = [
            {"name": "batch_id", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    return {
        f"{prefix}/batches": {"post": make, "get": listed},
        f"{prefix}/batches/{{batch_id}}": {"get": one},
        f"{prefix}/batches/{{batch_id}}/cancel": {"post": cancel},
    }


def _queued(prefix: str, path: str, described: dict[str, Any]) -> dict[str, Any]:
    version = prefix.strip("/") or "newest"
    name = described["operationId"].removesuffix("_v2")
    queued = described | {"operationId": f"queue_{name}_{version}"}
    if path in _NEVER_LATER:
        return queued
    schema = {"$ref": "#/components/schemas/JobObject"}
    accepted = {
        "description": "Accepted: the answer comes later.",
        "content": {"application/json": {"schema": schema}},
    }
    return queued | {
        "summary": f"{described['summary']}, now or later",
        "responses": described["responses"] | {"202": accepted},
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "required": False,
                "description": "`respond-async`: answer with 202 and a job at once.",
                "schema": {"type": "string"},
            }
        ],
    }
