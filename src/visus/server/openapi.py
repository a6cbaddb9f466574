"""The OpenAPI description, made from the structs that requests are decoded into."""

from functools import cache
from importlib.metadata import version
from typing import Any, Final, TypeAlias

import msgspec

from visus.accounts.usage import BUCKET_NAMES, GROUP_NAMES
from visus.server.admin_openapi import ADMIN_SHAPES, admin_paths
from visus.server.queue_openapi import QUEUED, batch_paths, queue_paths
from visus.server.routes.operations import Status
from visus.server.usage_report import FORMATS, UsageReport
from visus.wire.batches import BatchList, BatchObject, BatchRequest
from visus.wire.chat import REFUSED
from visus.wire.files import FILE_ID, DeletedFile, FileList, FileObject
from visus.wire.jobs import JobObject
from visus.wire.report import Estimate
from visus.wire.shapes import ChatRequest
from visus.wire.upload import EXPIRY_S, PURPOSES

Document: TypeAlias = dict[str, Any]
"""A JSON document."""

ERRORS: Final = {
    "400": "The request is at fault; `error.param` says where.",
    "401": "No valid API key.",
    "403": "The key may not do this.",
    "404": "No such model, file, job, batch, key, project or URL.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body has the wrong content type.",
    "409": "A conflict with the current state.",
    "429": "A limit of the key or its project is reached, or one of ours at the provider.",
    "502": "The model's server failed.",
    "503": "Unavailable: overloaded, stopping, or a provider that is not configured.",
    "504": "The model's server did not answer in time.",
}


_SHAPES: Final = (
    *(ChatRequest, Estimate, FileObject, FileList, DeletedFile),
    *(JobObject, BatchRequest, BatchObject, BatchList, UsageReport, Status),
)


@cache
def as_json() -> bytes:
    """The document, made when it is wanted first; a start need not wait for it."""
    return msgspec.json.encode(document(version("visus")))


def document(release: str) -> Document:
    """The OpenAPI 3.1 document of every route."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Visus",
            "version": release,
            "description": "One OpenAI-compatible API in front of any vision model.",
        },
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "schemas": {**_schemas(), **_ANSWERS},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas() -> Document:
    """The structs that requests are decoded into, and what their types alone do not say."""
    _, schemas = msgspec.json.schema_components(
        [*_SHAPES, *ADMIN_SHAPES],
        ref_template="#/components/schemas/{name}",
    )
    schemas["ImageLocation"]["properties"]["url"] = {"type": "string"}
    schemas["VideoLocation"]["properties"]["url"] = {"type": "string"}
    for name in ("FileLocation", "InputFilePart"):
        for field in ("file_data", "file_url"):
            schemas[name]["properties"][field] = {"type": "string"}
    schemas["InputImagePart"]["properties"]["image_url"] = {"type": "string"}
    asked = schemas["ChatRequest"]["properties"]
    asked["messages"]["minItems"] = 1
    asked["modalities"] = {"enum": [None, ["text"]]}
    for name in REFUSED:
        asked[name] = {"type": "null"}
    schemas["Message"]["anyOf"] = _what_each_role_has()
    for name in ("FunctionSpec", "SchemaSpec"):
        _mark_schema(schemas[name]["properties"])
    return schemas


def _paths() -> Document:
    paths: Document = {
        "/health": {"get": _operation("Liveness: the process answers", "health", open_=True)},
        "/health/live": {"get": _operation("Same as `/health`", "health_live", open_=True)},
        "/health/ready": {"get": _ready()},
        "/metrics": {"get": _metrics("metrics", open_=True)},
    }
    for prefix in ("/v1", "/v2"):
        paths |= _versioned(prefix) | _files(prefix) | batch_paths(_operation, prefix)
        name = prefix.strip("/")
        paths[f"{prefix}/usage"] = {
            "get": _usage("Usage and cost of your project", f"usage_{name}")
        }
    paths |= queue_paths(_operation, {name: paths[f"/v2{name}"]["post"] for name in QUEUED})
    paths |= admin_paths(_operation, _usage)
    paths["/admin/metrics"] = {"get": _metrics("admin_metrics", open_=False)}
    status = _operation("State of this process", "admin_status", answer="Status")
    paths["/admin/status"] = {"get": status}
    return paths


def _what_each_role_has() -> list[Document]:
    """The kinds of messages: fields that one has to have, and those that are another's."""
    said = {"content": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}}
    no_calls, no_result = {"tool_calls": {"type": "null"}}, {"tool_call_id": {"type": "null"}}
    calls = {"tool_calls": {"type": "array", "minItems": 1}}
    result = {"tool_call_id": {"type": "string", "minLength": 1}}
    refusal = {"refusal": {"type": "string", "minLength": 1}}
    asking = {"role": {"enum": ["system", "developer", "user"]}}
    answering = {"role": {"const": "assistant"}}
    return [
        {"properties": asking | said | no_calls | no_result, "required": ["content"]},
        {"properties": answering | said | no_result, "required": ["content"]},
        {"properties": answering | calls | no_result, "required": ["tool_calls"]},
        {"properties": answering | refusal | no_result, "required": ["refusal"]},
        {
            "properties": {"role": {"const": "tool"}} | said | result | no_calls,
            "required": ["content", "tool_call_id"],
        },
    ]


def _mark_schema(properties: Document) -> None:
    """The fields that are carried unread hold JSON Schemas."""
    for name in ("parameters", "schema"):
        if name in properties:
            properties[name] = {"type": "object"}


def _versioned(prefix: str) -> Document:
    name = prefix.strip("/")
    chat = _operation(
        "Ask a model about text and pictures", f"chat_{name}", answer="Completion"
    )
    chat["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": _ref("ChatRequest")}},
    }
    chat["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    estimate = _operation(
        "Estimate the tokens and cost of a question, without asking it",
        f"estimate_{name}",
        answer="Estimate",
    )
    estimate["requestBody"] = chat["requestBody"]
    one = _operation("Get a model", f"model_{name}", answer="Model")
    one["parameters"] = [
        {"name": "model_id", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    models = _operation(
        "List the models that can answer now", f"models_{name}", answer="Models"
    )
    return {
        f"{prefix}/chat/completions": {"post": chat},
        f"{prefix}/chat/completions/estimate": {"post": estimate},
        f"{prefix}/models": {"get": models},
        f"{prefix}/models/{{model_id}}": {"get": one},
    }


def _files(prefix: str) -> Document:
    name = prefix.strip("/")
    upload = _operation("Upload a file", f"upload_{name}", answer="FileObject")
    upload["requestBody"] = {
        "required": True,
        "content": {"multipart/form-data": {"schema": _UPLOAD}},
    }
    listed = _operation("List your project's files", f"files_{name}", answer="FileList")
    listed["parameters"] = [_query(field, schema) for field, schema in _PAGE.items()]
    content = _operation("Download a file", f"file_content_{name}")
    content["responses"]["200"]["content"] = {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }
    one = {
        "get": _operation("Get a file's metadata", f"file_{name}", answer="FileObject"),
        "delete": _operation("Delete a file", f"delete_file_{name}", answer="DeletedFile"),
    }
    for operation in (content, *one.values()):
        operation["parameters"] = [
            {"name": "file_id", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    return {
        f"{prefix}/files": {"post": upload, "get": listed},
        f"{prefix}/files/{{file_id}}": one,
        f"{prefix}/files/{{file_id}}/content": {"get": content},
    }


def _usage(summary: str, name: str) -> Document:
    usage = _operation(summary, name, answer="UsageReport")
    usage["parameters"] = [_query(field, schema) for field, schema in _USAGE.items()]
    usage["responses"]["200"]["content"]["text/csv"] = {"schema": _STRING}
    return usage


def _query(name: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _operation(
    summary: str, name: str, *, answer: str = "Any", open_: bool = False
) -> Document:
    responses: Document = {"200": _answer("The answer.", _ref(answer))}
    if not open_:
        responses |= {code: _answer(text, _ref("Error")) for code, text in ERRORS.items()}
    operation: Document = {"summary": summary, "operationId": name, "responses": responses}
    if open_:
        operation["security"] = []
    return operation


def _metrics(name: str, *, open_: bool) -> Document:
    summary = "Metrics for Prometheus"
    if open_:
        summary += ", for the addresses in `[metrics] networks`"
    metrics = _operation(summary, name, open_=open_)
    metrics["responses"]["200"]["content"] = {"text/plain": {"schema": _STRING}}
    if open_:
        metrics["responses"]["404"] = _answer(ERRORS["404"], _ref("Error"))
    return metrics


def _ready() -> Document:
    ready = _operation(
        "Readiness: whether requests should be sent here now", "health_ready", open_=True
    )
    ready["responses"]["503"] = _answer("No, and why.", _ref("NotReady"))
    return ready


def _answer(text: str, schema: Document) -> Document:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties)}


_STRING: Final[Document] = {"type": "string"}
_NUMBER: Final[Document] = {"type": "integer"}
_LIST: Final[Document] = {"type": "array", "items": {"type": "object"}}
_UPLOAD: Final[Document] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "minLength": 1},
        "purpose": {"type": "string", "enum": list(PURPOSES)},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {
            "type": "integer",
            "minimum": EXPIRY_S[0],
            "maximum": EXPIRY_S[-1],
        },
    },
    "required": ["file", "purpose"],
    "dependentRequired": {
        "expires_after[anchor]": ["expires_after[seconds]"],
        "expires_after[seconds]": ["expires_after[anchor]"],
    },
}
_PAGE: Final[Document] = {
    "after": {"type": "string", "pattern": f"^{FILE_ID.pattern}$"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 10_000},
    "order": {"type": "string", "enum": ["asc", "desc"]},
    "purpose": {"type": "string"},
}
_MOMENT: Final[Document] = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 9_999_999_999},
        {"type": "string", "format": "date"},
    ]
}
_GROUP: Final = f"({'|'.join(GROUP_NAMES)})"
_USAGE: Final[Document] = {
    "start": _MOMENT,
    "end": _MOMENT,
    "bucket": {"type": "string", "enum": list(BUCKET_NAMES)},
    "group_by": {"type": "string", "pattern": f"^({_GROUP}(,{_GROUP})*)?$"},
    "format": {"type": "string", "enum": list(FORMATS)},
}
_ANSWERS: Final[Document] = {
    "Any": {"type": "object"},
    "Completion": _object(
        id=_STRING, object=_STRING, created=_NUMBER, model=_STRING, choices=_LIST
    ),
    "Model": _object(
        id=_STRING,
        object=_STRING,
        created=_NUMBER,
        owned_by=_STRING,
        meta_data={"type": "object"},
    ),
    "Models": _object(object=_STRING, data={"type": "array", "items": _ref("Model")}),
    "NotReady": _object(status=_STRING, reasons=_LIST),
    "Error": _object(
        error=_object(
            message=_STRING,
            type=_STRING,
            param={"type": ["string", "null"]},
            code={"type": ["string", "null"]},
        ),
        detail=_STRING,
    ),
}
