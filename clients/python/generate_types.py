"""Generates the types of the API's messages from the server's OpenAPI description.

`python3 generate_types.py` writes src/executor_client/types.py; with `--check`, it fails if that file is not up to date.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DESCRIPTION = HERE / "../../webd/src/api/openapi.json"
TYPES = HERE / "src/executor_client/types.py"
# Types that the library uses; those that they consist of are added.
ROOTS = [
    "ExecuteRequest",
    "Answer",
    "CompactAnswer",
    "Event",
    "SessionFrame",
    "Language",
    "FormatRequest",
    "Formatted",
    "Token",
    "SubmissionRequest",
    "Submission",
    "Accepted",
    "Error",
]
# The descriptions of these fields say more than their schemas.
OVERRIDES = {("Submission", "result"): "Answer", ("Submission", "error"): "Error"}
HEADER = '''"""Types of the API's messages.

Generated from the server's OpenAPI description by generate_types.py; do not edit.
"""

from typing import Literal, NotRequired, TypedDict


'''
PRIMITIVES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict[str, object]",
}

Schema = dict[str, Any]


def generate() -> str:
    """Returns the content of the generated file."""
    schemas: dict[str, Schema] = json.loads(DESCRIPTION.read_text())["components"]["schemas"]
    used: list[str] = []
    for root in ROOTS:
        collect(root, schemas, used)
    return HEADER + "\n\n".join(definition(name, schemas[name]) for name in used) + "\n"


def collect(name: str, schemas: dict[str, Schema], used: list[str]) -> None:
    """Adds a type after those that it consists of."""
    if name in used:
        return
    overrides = [override for (owner, _), override in OVERRIDES.items() if owner == name]
    for other in [*references(schemas[name]), *overrides]:
        collect(other, schemas, used)
    used.append(name)


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in references(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].rsplit("/", 1)[1]] if isinstance(schema.get("$ref"), str) else []
    return own + [name for key, value in schema.items() if key != "discriminator" for name in references(value)]


def definition(name: str, schema: Schema) -> str:
    properties: dict[str, Schema] | None = schema.get("properties")
    if properties is None:
        return f"{name} = {expression(schema)}\n"
    required = schema.get("required", [])
    fields = []
    for field, field_schema in properties.items():
        kind = OVERRIDES.get((name, field)) or expression(field_schema)
        fields.append((field, kind if field in required else f"NotRequired[{kind}]"))
    if any(field == "from" for field, _ in fields):
        entries = ", ".join(f'"{field}": {kind}' for field, kind in fields)
        return f'{name} = TypedDict("{name}", {{{entries}}})\n'
    return f"class {name}(TypedDict):\n" + "".join(f"    {field}: {kind}\n" for field, kind in fields)


def expression(schema: Schema) -> str:
    """Returns the type expression of a schema."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "const" in schema:
        return f"Literal[{literal(schema['const'])}]"
    if "enum" in schema:
        return f"Literal[{', '.join(literal(value) for value in schema['enum'])}]"
    for key in ("oneOf", "anyOf"):
        if key in schema and "properties" not in schema:
            return " | ".join(expression(alternative) for alternative in schema[key])
    kinds = schema.get("type", "object")
    if isinstance(kinds, list):
        return " | ".join(expression({**schema, "type": kind}) for kind in kinds)
    if kinds == "array":
        return f"list[{expression(schema['items'])}]"
    if kinds == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"dict[str, {expression(schema['additionalProperties'])}]"
    if kinds == "object" and list(schema.get("properties", {}).values()):
        kinds = sorted({expression(field) for field in schema["properties"].values()})
        return f"dict[str, {' | '.join(kinds)}]"
    return PRIMITIVES[kinds]


def literal(value: object) -> str:
    return "None" if value is None else json.dumps(value)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if TYPES.read_text() != generate():
            sys.exit(f"{TYPES} is not up to date: run python3 clients/python/generate_types.py")
    else:
        TYPES.write_text(generate())
