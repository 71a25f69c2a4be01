"""The reference of the API, written from the OpenAPI document of the running API."""

from collections.abc import Iterator
from typing import Any

import streamlit as st

from dashboard import columns, formatting, labels, page

Json = dict[str, Any]
_TRY_PREFIX = "GET /experiment/"


def show() -> None:
    """Show the page."""
    document = page.client().openapi()
    version = document.get("info", {}).get("version", labels.DASH)
    st.write(labels.REFERENCE_LEAD.format(version=version))
    operations = dict(_operations(document))
    chosen: str = st.selectbox(labels.ROUTE, list(operations), key="path", bind="query-params")
    _operation(document, chosen, operations[chosen])


def _operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _operation(document: Json, title: str, operation: Json) -> None:
    page.section(operation.get("summary", title))
    st.code(title, language=None)
    if operation.get("description"):
        st.write(page.escape_markdown(operation["description"]))
    if operation.get("parameters"):
        page.table(columns.PARAMETERS, [_parameter(one) for one in operation["parameters"]])
    responses = operation.get("responses", {})
    _responses(responses)
    _fields(document, responses)
    if title.startswith(_TRY_PREFIX):
        st.html(f"<a href='try' target='_self'>{labels.LIVE}</a>")


def _responses(responses: Json) -> None:
    """Show every status with its meaning, then the examples."""
    rows = [{"status": status, "meaning": one.get("description", "")} for status, one in sorted(responses.items())]
    page.table(columns.STATUSES, rows)
    for status, response in sorted(responses.items()):
        for media_type, content in response.get("content", {}).items():
            if "example" in content:
                with st.expander(f"{labels.EXAMPLE}: {status} {media_type}", expanded=status == "200"):
                    st.code(formatting.json_text(content["example"]), language=None, wrap_lines=True)


def _parameter(parameter: Json) -> dict[str, str]:
    schema = parameter.get("schema", {})
    default = schema.get("default")
    return {
        "name": parameter["name"],
        "where": parameter["in"],
        "type": _type(schema),
        "default": labels.REQUIRED if parameter.get("required") else labels.DASH if default is None else str(default),
        "meaning": parameter.get("description") or schema.get("description") or "",
    }


def _type(schema: Json) -> str:
    """Return the type of a schema as a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for kind in ("anyOf", "oneOf"):
        if kind in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[kind]))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return labels.LIST_OF.format(kind=_type(schema.get("items", {})))
    return str(schema.get("format") or schema.get("type") or labels.ANYTHING)


def _fields(document: Json, responses: Json) -> None:
    """Show the fields of the answer and of every schema that it uses."""
    schemas = document.get("components", {}).get("schemas", {})
    content = responses.get("200", {}).get("content", {}).get("application/json", {})
    waiting, seen = _references(content.get("schema", {})), set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in schemas:
            continue
        seen.add(name)
        _schema(name, schemas[name])
        waiting += _references(schemas[name].get("properties", {}))


def _schema(name: str, schema: Json) -> None:
    rows = [
        {"name": field, "type": _type(one), "meaning": one.get("description", "")}
        for field, one in schema.get("properties", {}).items()
    ]
    if rows:
        with st.expander(labels.FIELDS.format(name=name)):
            if schema.get("description"):
                st.write(page.escape_markdown(schema["description"]))
            page.table(columns.FIELDS, rows)


def _references(part: object) -> list[str]:
    """Return the names of the schemas that a part of the document refers to."""
    if isinstance(part, dict):
        here = [str(part["$ref"]).rsplit("/", 1)[-1]] if "$ref" in part else []
        return here + [name for value in part.values() for name in _references(value)]
    return [name for value in part for name in _references(value)] if isinstance(part, list) else []
