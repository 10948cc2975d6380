"""
The JSON Schema of an inventory with our variables, for editors that complete and check YAML.

Any value may be a template instead, as inventories have them; what a template gives is checked when
it is resolved.
"""

from collections.abc import Mapping
from typing import Any

from deployer.layouts import LAYOUTS
from deployer.spec.connection_names import (
    ADDRESS,
    METHODS,
    PASSPHRASE,
    PASSWORD,
    PORT,
    PRIVATE_KEY,
    PRIVATE_KEY_FILE,
    USER,
    become_password,
    become_user,
)
from deployer.spec.server import DEFAULTS, LAYOUT, SETTINGS, VHOSTS, Settings
from deployer.spec.vhost import ClientAuth, VhostSpec

DIALECT = "http://json-schema.org/draft-07/schema#"
TEMPLATE = {"type": "string", "pattern": r"\{[{%]"}
_NOISE = frozenset({"title", "default"})
# As pydantic calls them behind a validator of ours.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_BECOMING = (
    name for one in METHODS.values() for name in (*become_user(one), *become_password(one))
)
_TEXTS = (*ADDRESS, *USER, *PASSWORD, *PRIVATE_KEY_FILE, *PRIVATE_KEY, *PASSPHRASE, *_BECOMING)

Schema = dict[str, Any]


def inventory_schema() -> Schema:
    """Describe a file of an inventory: groups with hosts, and what may be said of both."""
    sites = VhostSpec.model_json_schema(ref_template="#/definitions/{model}")
    definitions = {name: _lenient(one) for name, one in sites.pop("$defs", {}).items()}
    definitions["site"] = _lenient(sites)
    definitions["variables"] = {
        "type": ["object", "null"],
        "properties": _variables(definitions),
        # Others are for others; ours that nobody knows are mistakes.
        "patternProperties": {"^(?!mtls_|apache_)": {}},
        "additionalProperties": False,
    }
    variables, group = _reference("variables"), _reference("group")
    definitions["group"] = {
        "type": ["object", "null"],
        "properties": {
            "hosts": _named(variables),
            "children": _named(group),
            "vars": variables,
        },
        "additionalProperties": False,
    }
    return {
        "$schema": DIALECT,
        "title": "An inventory for deployer",
        "type": ["object", "null"],
        "additionalProperties": group,
        "definitions": definitions,
    }


def _variables(definitions: Mapping[str, Schema]) -> Schema:
    site = definitions["site"]["properties"]
    client_auth = _lenient(ClientAuth.model_json_schema(ref_template="#/definitions/{model}"))
    settings = _lenient(Settings.model_json_schema(ref_template="#/definitions/{model}"))
    found: Schema = {
        name: client_auth["properties"][path[-1]] if len(path) > 1 else site[path[0]]
        for name, path in DEFAULTS.items()
    }
    found |= {name: settings["properties"][key] for name, (key,) in SETTINGS.items()}
    found[VHOSTS] = {"anyOf": [{"type": "array", "items": _reference("site")}, TEMPLATE]}
    found[LAYOUT] = {"anyOf": [{"enum": sorted(LAYOUTS)}, {"type": "object"}, TEMPLATE]}
    found |= {key: {"type": ["string", "number", "null"]} for key in _TEXTS}
    found |= {key: {"anyOf": [{"type": "integer"}, {"type": "string"}]} for key in PORT}
    return found


def _named(what: Schema) -> Schema:
    """Describe a mapping by name, or one name alone."""
    return {"type": ["object", "string", "null"], "additionalProperties": what}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _lenient(schema: Any) -> Any:
    """Let each value of a mapping, and of a list, be a template; leave out what repeats names."""
    if isinstance(schema, list):
        return [_lenient(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        _BOUNDS.get(key, key): _lenient(part) for key, part in schema.items() if _is_said(key, part)
    }
    for key in ("properties", "patternProperties"):
        if isinstance(found.get(key), dict):
            found[key] = {name: _or_template(part) for name, part in found[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _or_template(found[key])
    return found


def _is_said(key: str, part: object) -> bool:
    """Tell a schema's own words from properties that are called so."""
    return key not in _NOISE or isinstance(part, dict)


def _or_template(schema: Schema) -> Schema:
    """Take a template in place of a value; what takes any text takes one already."""
    if schema.get("type") == "string" and not {"pattern", "enum", "const"}.intersection(schema):
        return schema
    return {"anyOf": [*schema.get("anyOf", [schema]), TEMPLATE]}
