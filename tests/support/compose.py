"""Compose files as `docker compose` would put them together, as far as ours go."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
SETUPS = ("kafka-s3-postgres", "sqs-s3-dynamodb", "kafka-s3-cassandra")

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def read(name: str) -> dict[str, Any]:
    """One file."""
    loaded = yaml.safe_load((FOLDER / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def example() -> dict[str, str]:
    """What `.env.example` sets; secrets are empty in it."""
    lines = (FOLDER / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def filled() -> dict[str, str]:
    """`.env` as an operator would fill it in."""
    return {name: value or f"made0up0{name.lower()}" for name, value in example().items()}


def project(*names: str) -> dict[str, Any]:
    """The files merged in order, `extends` followed, variables put in."""
    merged: dict[str, Any] = {}
    for name in names:
        file = read(name)
        file["services"] = {
            service: _extended(definition) for service, definition in file["services"].items()
        }
        merged = _merge(merged, file)
    result = _filled(merged, filled())
    assert isinstance(result, dict)
    return result


def setup(name: str) -> dict[str, Any]:
    """One of the `SETUPS`, whole."""
    return project("compose.yaml", f"{name}.yaml")


def variables(name: str) -> set[str]:
    """The variables that a file takes from `.env`."""
    return {found[1] for found in _VARIABLE.finditer((FOLDER / name).read_text())}


def _extended(definition: dict[str, Any]) -> dict[str, Any]:
    extends = definition.get("extends")
    if extends is None:
        return definition
    base = read(extends["file"])["services"][extends["service"]]
    own = {key: value for key, value in definition.items() if key != "extends"}
    return _merge(base, own)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value)
        elif key == "security_opt" and isinstance(old, list):
            merged[key] = [*old, *value]
        else:
            merged[key] = value
    return merged


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, given) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, given) for each in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value(found, given), value)
    return value


def _value(found: re.Match[str], given: Mapping[str, str]) -> str:
    name, kind, rest = found.groups()
    if given.get(name):
        return given[name]
    assert kind == "-", f"${{{name}}} is not set in .env.example"
    return str(rest)
