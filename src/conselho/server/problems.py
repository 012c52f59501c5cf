"""How does an error look over HTTP? RFC 9457 problem+json, rendered here and nowhere else."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from conselho import errors

_log = logging.getLogger(__name__)

SHOWN_CHARACTERS_MAX = 100  # of a path or a method in a sentence


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""
    app.add_exception_handler(errors.ConselhoError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def of(error: errors.ConselhoError) -> JSONResponse:
    """The answer that an error of ours is."""
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, errors.Unavailable) else None
    return problem(error.status, error.code, error.sentence, headers, error.members)


def problem(
    status: int,
    code: str,
    sentence: str,
    headers: dict[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """The answer that says what went wrong. `members`: what it says beside what all of them say."""
    told = {**(members or {}), **body(status, code, sentence)}
    return JSONResponse(told, status_code=status, headers=headers, media_type=errors.PROBLEM)


def body(status: int, code: str, sentence: str) -> dict[str, Any]:
    """What stands in such an answer."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code}


async def _ours(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, errors.ConselhoError):
        raise error
    return of(error)


async def _validation(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first: dict[str, Any] = dict(error.errors()[0])
    where = ".".join(str(part) for part in first.get("loc", ())[1:]) or "the request"
    told = str(first.get("msg", "is not valid")).removeprefix("Value error, ")  # our own sentence
    return of(errors.Invalid(f"{_storable(where)}: {_storable(told[:1].lower() + told[1:])}"))


async def _http(request: Request, error: Exception) -> JSONResponse:
    """What the router says by itself: no such path, or not with this method."""
    if not isinstance(error, HTTPException):
        raise error
    path, method = request.url.path[:SHOWN_CHARACTERS_MAX], request.method[:SHOWN_CHARACTERS_MAX]
    headers = dict(error.headers) if error.headers else None
    match error.status_code:
        case 404:
            return of(errors.NotFound(f"there is nothing at {path}"))
        case 405:
            allowed = _allowed(request) or (headers or {}).get("Allow", "")
            sentence = f"{path} does not know {method}, only {allowed}"
            return problem(405, errors.WrongMethod.code, sentence, {"Allow": allowed})
        case status if status < 500:
            return problem(status, errors.Invalid.code, str(error.detail), headers)
        case status:
            return problem(status, errors.ConselhoError.code, str(error.detail), headers)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, errors.ConselhoError.code, "something went wrong in the server: its log says what")


def _allowed(request: Request) -> str:
    """What a path knows; the router itself names the methods of the first of its routes alone."""
    told: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    methods = [
        method.upper()
        for template, operations in told.items()
        if compile_path(template)[0].match(request.url.path)
        for method in operations
    ]
    return ", ".join(sorted(methods))


def _storable(text: str) -> str:
    """Text that can be sent as UTF-8, whatever half characters a field's name was made of."""
    return text.encode("utf-8", "replace").decode("utf-8")
