"""The page at `/docs`: the OpenAPI description as HTML."""

import html
from functools import cache
from importlib.metadata import version
from typing import Final

from visus.server.openapi import Document, document

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1a1a2e}h1{margin-bottom:0}table{border-collapse:collapse;width:100%}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f2f3f7;border-radius:4px}
code{padding:.1em .3em}pre{padding:1rem;overflow:auto}
td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #dde;vertical-align:top}
.verb{display:inline-block;min-width:3.5rem;font-weight:600;color:#0b6}.path{font-weight:600}
@media(prefers-color-scheme:dark){body{background:#14151c;color:#e6e6ef}code,pre{background:#232533}
td,th{border-color:#333}}
"""


@cache
def as_page() -> bytes:
    """The page, in UTF-8."""
    return page(document(version("visus"))).encode()


def page(description: Document) -> str:
    """The description as one HTML page that loads nothing."""
    info = description["info"]
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{info['title']} API</title><style>{_STYLE}</style></head><body>",
        f"<h1>{info['title']} <small>{info['version']}</small></h1>",
        f"<p>{html.escape(info['description'])} The machine-readable form is at ",
        "<a href=/openapi.json>/openapi.json</a>.</p>",
        (
            "<h2>Ask</h2><pre>curl $OPENAI_BASE_URL/chat/completions \\\n"
            "  -H &quot;Authorization: Bearer $OPENAI_API_KEY&quot; \\\n"
            "  -H &quot;Content-Type: application/json&quot; \\\n"
            "  -d &#39;{&quot;model&quot;: &quot;visus-lite&quot;, &quot;messages&quot;: "
            "[{&quot;role&quot;: &quot;user&quot;, &quot;content&quot;: &quot;What can you do?"
            "&quot;}]}&#39;</pre><h2>Routes</h2><table>"
        ),
    ]
    for path, operations in description["paths"].items():
        parts += [_row(path, verb, operation) for verb, operation in operations.items()]
    parts.append("</table><h2>Request fields</h2>")
    for name, schema in description["components"]["schemas"].items():
        if "properties" in schema:
            parts.append(_schema_table(name, schema))
    parts.append("</body></html>")
    return "".join(parts)


def _row(path: str, verb: str, operation: Document) -> str:
    lock = "open" if operation.get("security") == [] else "key"
    summary = html.escape(operation["summary"])
    return (
        f"<tr><td><span class=verb>{verb.upper()}</span> <code class=path>{html.escape(path)}"
        f"</code></td><td>{summary}</td><td>{lock}</td></tr>"
    )


def _schema_table(name: str, schema: Document) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{html.escape(field)}</code>{' *' if field in required else ''}</td>"
        f"<td>{html.escape(_kind(kind))}</td></tr>"
        for field, kind in schema["properties"].items()
    )
    about = html.escape(str(schema.get("description", "")))
    title = html.escape(name)
    return f"<h3 id='{title}'>{title}</h3><p>{about}</p><table>{rows}</table>"


def _kind(schema: Document) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS if key in schema]
    return " ".join([str(schema.get("type", "any")), *bounds])


_BOUNDS: Final = (("minimum", "≥"), ("maximum", "≤"))
