# ruff: noqa: E501 -- sentences of the pages stay on the lines that they have there
"""The pages of docs/reference, made from the code: `python -m tests.meta.reference`.

A test compares what stands there with what this makes.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import msgspec
from msgspec import inspect as shape

from visus import errors
from visus.config import Settings
from visus.models.presets import presets
from visus.routing.dialects import GROUP, dialect
from visus.server import openapi
from visus.server.authenticate import OPEN_PATHS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    return {
        "settings.md": "\n".join(_settings()),
        "errors.md": "\n".join(_errors()),
        "routes.md": "\n".join(_routes()),
        "presets.md": "\n".join(_presets()),
    }


# --- Settings --------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    yield "# Settings\n"
    yield (
        "All of them are optional. They stand in a TOML file, `visus serve --config FILE`, or in\n"
        "the environment: `[media] max_images` is `VISUS_MEDIA__MAX_IMAGES`, lists and tables are\n"
        "written `a,b` and `name=value,name=value` or as JSON. The environment wins over the\n"
        "file. An unknown key is an error that names its line.\n\n"
        "Made from the code by `python -m tests.meta.reference`.\n"
    )
    for field in msgspec.structs.fields(Settings):
        default = getattr(Settings(), field.name)
        many = field.name in {"providers", "models"}
        yield from _section(field.encode_name, shape.type_info(field.type), default, many=many)
        if field.name == "providers":
            for name, options in dialect_options():
                kind = shape.type_info(options)
                yield from _section(
                    "providers.options", kind, None, many=False, when=f' dialect = "{name}"'
                )


def dialect_options() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """The options of every dialect that comes with Visus and has any."""
    for name in sorted(entry_points(group=GROUP).names):
        options = dialect(name).options
        if msgspec.structs.fields(options):
            yield name, options


def _section(
    path: str, kind: shape.Type, default: object, *, many: bool, when: str = ""
) -> Iterator[str]:
    struct = kind.item_type if isinstance(kind, shape.VarTupleType) else kind
    assert isinstance(struct, shape.StructType)
    cls = struct.cls
    tag = f' {struct.tag_field} = "{struct.tag}"' if struct.tag_field else ""
    yield f"## {'[[' if many else '['}{path}{']]' if many else ']'}{tag}{when}\n"
    yield f"{inspect.getdoc(cls)}\n"
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    remarks = docstrings_of(cls)
    inner: list[tuple[str, shape.Type, object]] = []
    for field in struct.fields:
        value = _default(field, default)
        nested = _structs_in(field.type)
        inner += [(f"{path}.{field.encode_name}", one, value) for one in nested]
        if nested:
            shown = "see below"
        else:
            shown = "required" if field.required and many else f"`{_toml(value)}`"
        remark = " ".join(remarks.get(field.name, "").split())
        yield f"| `{field.encode_name}` | {type_name(field.type)} | {shown} | {remark} |"
    yield ""
    for inner_path, nested, value in inner:
        yield from _section(inner_path, nested, value, many=False)


def _structs_in(kind: shape.Type) -> list[shape.StructType]:
    kinds = kind.types if isinstance(kind, shape.UnionType) else (kind,)
    return [one for one in kinds if isinstance(one, shape.StructType)]


def _default(field: shape.Field, owner: object) -> object:
    if isinstance(owner, msgspec.Struct):
        return getattr(owner, field.name)
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _toml(value: object) -> str:  # noqa: PLR0911 -- one arm for each kind
    match value:
        case None:
            return "unset"
        case bool():
            return str(value).lower()
        case tuple() | list():
            return f"[{', '.join(_toml(one) for one in value)}]"
        case dict():
            inside = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case int():
            return f"{value:_}" if value >= 10_000 else str(value)
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def type_name(kind: shape.Type) -> str:  # noqa: PLR0911 -- one arm for each kind
    """A type in words."""
    match kind:
        case shape.UnionType(types=types):
            wanted = [one for one in types if not isinstance(one, shape.NoneType)]
            return " or ".join(dict.fromkeys(type_name(one) for one in wanted))
        case shape.VarTupleType(item_type=item) | shape.ListType(item_type=item):
            return f"list of {type_name(item)}s"
        case shape.LiteralType(values=values):
            return " \\| ".join(f"`{value}`" for value in values)
        case shape.DictType(value_type=shape.StrType()):
            return "table of strings"
        case shape.StructType() | shape.DictType():
            return "table"
        case shape.IntType(gt=gt, ge=ge, le=le):
            return " ".join(["integer", *_bounds(gt, ge, le)])
        case shape.FloatType(gt=gt, ge=ge, le=le):
            return " ".join(["number", *_bounds(gt, ge, le)])
        case shape.BoolType():
            return "boolean"
        case shape.DateType():
            return "date"
        case _:
            return "string"


def _bounds(gt: float | None, ge: float | None, le: float | None) -> Iterator[str]:
    for sign, bound in ((">", gt), ("≥", ge), ("≤", le)):
        if bound is not None:
            yield f"{sign} {bound}"


def docstrings_of(cls: type) -> dict[str, str]:
    """The docstring under each field of a struct."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            found[field.target.id] = str(after.value.value)
    return found


# --- Errors ----------------------------------------------------------------------------------


def every_error() -> list[type[errors.ServiceError]]:
    """Every class of the tree, in the order in which it is written."""
    return [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.ServiceError)
    ]


def _errors() -> Iterator[str]:
    yield "# Errors\n"
    yield (
        "Every refusal has this body, and `x-request-id` among its headers:\n\n"
        "```json\n"
        '{"error": {"message": "…", "type": "…", "param": "messages[0].content", '
        '"code": "…"}, "detail": "…"}\n'
        "```\n\n"
        "`param` is the place in the request, or null. `detail` repeats the message. `Retry-After`\n"
        "is at most 120 seconds. A fault after the first streamed byte is sent as an event with\n"
        "this body, and no `[DONE]` follows it.\n\n"
        "Made from the code by `python -m tests.meta.reference`.\n"
    )
    yield "| status | code | type | meaning | class |"
    yield "|---|---|---|---|---|"
    for one in sorted(every_error(), key=lambda error: error.status):
        meaning = (inspect.getdoc(one) or "").split("\n\n")[0].replace("\n", " ")
        yield f"| {one.status} | `{one.code}` | `{one.type}` | {meaning} | `{one.__name__}` |"
    yield ""


# --- Routes ----------------------------------------------------------------------------------


def _routes() -> Iterator[str]:
    yield "# Routes\n"
    yield (
        "The machine-readable form is at `/openapi.json` of a running server, and `/docs` shows\n"
        "the fields of a request. `HEAD` is taken wherever `GET` is.\n\n"
        "Made from the code by `python -m tests.meta.reference`.\n"
    )
    yield "| method | path | what it does | key |"
    yield "|---|---|---|---|"
    paths = openapi.document(version("visus"))["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            key = "no" if path in OPEN_PATHS else "yes"
            yield f"| {method.upper()} | `{path}` | {operation['summary']} | {key} |"
    yield "| GET | `/openapi.json` | This table for programs | no |"
    yield "| GET | `/docs` | This table for people | no |"
    yield ""


def _presets() -> Iterator[str]:
    yield "# Presets\n"
    yield (
        'Servers that many people run. `preset = "ollama"` in a row of `[[providers]]` fills in what is\n'
        "below, in the row and in each of its models; keys of your own win. No preset says where a\n"
        "server runs: without `region` and `country` it meets no residency.\n\n"
        "Made from the code by `python -m tests.meta.reference`.\n"
    )
    for name, preset in sorted(presets().items()):
        yield f"## {name}\n"
        yield "| where | key | value |"
        yield "|---|---|---|"
        tables = {
            "`[[providers]]`": {"dialect": "openai"} | preset.provider,
            "`[providers.options]`": preset.options,
            "`[models.vision]`": preset.vision,
        }
        for where, table in tables.items():
            for key, value in table.items():
                yield f"| {where} | `{key}` | `{_toml(value)}` |"
        yield ""


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
