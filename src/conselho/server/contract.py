"""What is told in `/openapi.json`, beyond what the routes say by themselves? Every error, as it is really answered.

Which errors a route may answer with follows from what it is: all may meet a full queue, one with a parameter may
refuse its value, one that changes something looks at what is sent. What is a route's own it declares itself.
"""

import json
from typing import Any

from conselho import errors
from conselho.server.guard import SAFE

_EVERYWHERE = (errors.Malformed, errors.WrongHost, errors.Unavailable, errors.ConselhoError)
_WHERE_SOMETHING_CHANGES = (errors.ForeignPage, errors.TooSlow, errors.TooLarge, errors.NotJson, errors.Invalid)
_ALREADY_BY_FRAMEWORK = ("HTTPValidationError", "ValidationError")
_RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with the errors as they are."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _ALREADY_BY_FRAMEWORK:
        schemas.pop(name, None)
    schemas["Problem"] = _problem()
    components["responses"] = {kind.__name__: errors.documented(kind)[kind.status] for kind in KINDS}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _add_errors(method.upper(), operation)
    for kind in KINDS:
        if issubclass(kind, errors.Unavailable):
            components["responses"][kind.__name__]["headers"] = _RETRY_AFTER
    return document


def text(document: dict[str, Any]) -> str:
    """The document as it is kept in a file, the same on every machine."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _add_errors(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    kinds: list[type[errors.ConselhoError]] = list(_EVERYWHERE)
    if method not in SAFE:
        kinds += _WHERE_SOMETHING_CHANGES
    elif operation.get("parameters"):
        kinds.append(errors.Invalid)
    for kind in kinds:
        responses.setdefault(str(kind.status), errors.documented(kind)[kind.status])
    for kind in KINDS:
        status = str(kind.status)
        if responses.get(status) == errors.documented(kind)[kind.status]:
            responses[status] = {"$ref": f"#/components/responses/{kind.__name__}"}
    operation["responses"] = dict(sorted(responses.items()))


def _problem() -> dict[str, Any]:
    """RFC 9457, with the stable `code` that programs should look at."""
    words = {"type": "string"}
    properties = {
        "type": words | {"const": "about:blank"},
        "title": words,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": words | {"description": "one sentence for a person"},
        "code": words | {"enum": sorted({kind.code for kind in KINDS}), "description": "what programs look at"},
    }
    card = {"$ref": "#/components/schemas/ListedCard", "description": "of a conflict over one: what it is like now"}
    return {
        "title": "Problem",
        "description": "What went wrong (RFC 9457).",
        "type": "object",
        "properties": properties | {"card": card},
        "required": list(properties),
        "additionalProperties": False,
    }


def _tree(kind: type[errors.ConselhoError]) -> list[type[errors.ConselhoError]]:
    """`kind` and what comes below it; the terminal's own errors, if it is loaded, never travel over HTTP."""
    ours = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    return [kind, *(below for each in ours for below in _tree(each))]


KINDS = _tree(errors.ConselhoError)
