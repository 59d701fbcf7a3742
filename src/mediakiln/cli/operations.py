"""`mediakiln operations`."""

import json
from typing import Annotated, Any

from cyclopts import Parameter

from mediakiln.cli.output import console
from mediakiln.model.errors import InvalidRequest
from mediakiln.ports.operation import OperationSet


def operations(
    name: Annotated[str | None, Parameter(help="Show this one's parameters.")] = None,
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", help="As JSON, with schemas.")] = False,
) -> None:
    """The installed operations and their parameters."""
    found = [item.describe() for item in OperationSet.installed()]
    if name is not None:
        found = [item for item in found if item["name"] == name]
        if not found:
            raise InvalidRequest(
                f"there is no operation {name!r}", hint="list them: mediakiln operations"
            )
    if json_:
        print(json.dumps(found, indent=2))
    elif name is None:
        _list(found)
    else:
        _show(found[0])


def _list(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("operation", "does", box=None, pad_edge=False)
    for item in found:
        table.add_row(item["name"], item["summary"])
    console().print(table)


def _show(item: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen = console()
    screen.print(f"[bold]{item['name']}[/] (version {item['version']}): {item['summary']}")
    screen.print(f"takes {', '.join(item['accepts'])}\nmakes {', '.join(item['produces'])}\n")
    schema = item["parameters"]
    table = Table("parameter", "type", "default", "meaning", box=None, pad_edge=False)
    for name, field in schema.get("properties", {}).items():
        kind = type_in_words(field, schema).removesuffix(" or null")
        table.add_row(name, kind, _default(name, schema), escape(field.get("description", "")))
    screen.print(table)


def _default(name: str, schema: dict[str, Any]) -> str:
    if name in schema.get("required", []):
        return "required"
    default = schema["properties"][name].get("default")
    return "" if default is None else json.dumps(default).replace("[", r"\[")


def type_in_words(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """A JSON Schema type in a few words, with its choices or range."""
    if "$ref" in field:
        field = schema.get("$defs", {}).get(field["$ref"].rpartition("/")[2], field)
    if "anyOf" in field:
        return " or ".join(type_in_words(option, schema) for option in field["anyOf"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    name = str(field.get("type", "any"))
    if name == "array":
        return _list_in_words(field, schema)
    if name == "object" and field.get("properties"):
        return f"object with {', '.join(field['properties'])}"
    if low is None and high is None:
        return name
    return f"{name} {'' if low is None else low}..{'' if high is None else high}"


def _list_in_words(field: dict[str, Any], schema: dict[str, Any]) -> str:
    least, most = field.get("minItems", 0), field.get("maxItems")
    count = "" if most is None else f" ({most})" if least == most else f" (at most {most})"
    items: dict[str, Any] = field.get("items") or next(iter(field.get("prefixItems", ())), {})
    return f"array{count} of {type_in_words(items, schema)}" if items else f"array{count}"
