"""The API's reference, generated from the OpenAPI document of the API that is running."""

from collections.abc import Iterator
from typing import Any

import streamlit as st

from dashboard import page, texts, words

Json = dict[str, Any]
_TRIED = "GET /experiment/"


def show() -> None:
    """Show the page."""
    document = page.client().openapi()
    version = document.get("info", {}).get("version", texts.DASH)
    st.write(texts.REFERENCE_LEAD.format(version=version))
    operations = {f"{method.upper()} {path}": found for path, method, found in _operations(document)}
    chosen: str = st.selectbox(texts.ROUTE, list(operations), key="path", bind="query-params")
    _operation(document, chosen, operations[chosen])


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document.get("paths", {}).items():
        for method, found in methods.items():
            yield path, method, found


def _operation(document: Json, title: str, found: Json) -> None:
    page.section(found.get("summary", title))
    st.code(title, language=None)
    if found.get("description"):
        st.write(page.plain(found["description"]))
    if found.get("parameters"):
        page.table(texts.PARAMETER_COLUMNS, [_parameter(document, one) for one in found["parameters"]])
    answers = found.get("responses", {})
    rows = [{"status": status, "meaning": one.get("description", "")} for status, one in sorted(answers.items())]
    page.table(texts.STATUS_COLUMNS, rows)
    for status, kind, content in _contents(answers):
        if "example" in content:
            with st.expander(f"{texts.EXAMPLE}: {status} {kind}", expanded=status == "200"):
                st.code(words.json_text(content["example"]), language=None, wrap_lines=True)
    _fields(document, answers)
    if title.startswith(_TRIED):
        st.html(f"<a href='try' target='_self'>{texts.LIVE}</a>")


def _contents(answers: Json) -> Iterator[tuple[str, str, Json]]:
    for status, answer in sorted(answers.items()):
        for kind, content in answer.get("content", {}).items():
            yield status, kind, content


def _parameter(document: Json, found: Json) -> dict[str, str]:
    schema = found.get("schema", {})
    default = schema.get("default")
    return {
        "name": found["name"],
        "where": found["in"],
        "type": _type(document, schema),
        "default": texts.REQUIRED if found.get("required") else texts.DASH if default is None else str(default),
        "meaning": found.get("description") or schema.get("description") or "",
    }


def _type(document: Json, schema: Json) -> str:
    """A schema as a few words: its type, or what it may be."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for kind in ("anyOf", "oneOf"):
        if kind in schema:
            return " or ".join(dict.fromkeys(_type(document, part) for part in schema[kind]))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return texts.LIST_OF.format(kind=_type(document, schema.get("items", {})))
    return str(schema.get("format") or schema.get("type") or texts.ANYTHING)


def _fields(document: Json, answers: Json) -> None:
    """The fields of the answer and of every shape within it."""
    schemas = document.get("components", {}).get("schemas", {})
    content = answers.get("200", {}).get("content", {}).get("application/json", {})
    waiting, seen = _references(content.get("schema", {})), set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in schemas:
            continue
        seen.add(name)
        properties = schemas[name].get("properties", {})
        rows = [
            {"name": field, "type": _type(document, one), "meaning": one.get("description", "")}
            for field, one in properties.items()
        ]
        if rows:
            with st.expander(texts.FIELDS.format(name=name)):
                if schemas[name].get("description"):
                    st.write(page.plain(schemas[name]["description"]))
                page.table(texts.FIELD_COLUMNS, rows)
        waiting += _references(properties)


def _references(part: object) -> list[str]:
    """The names of the schemas that a part of the document refers to."""
    if isinstance(part, dict):
        here = [str(part["$ref"]).rsplit("/", 1)[-1]] if "$ref" in part else []
        return here + [name for value in part.values() for name in _references(value)]
    return [name for value in part for name in _references(value)] if isinstance(part, list) else []
