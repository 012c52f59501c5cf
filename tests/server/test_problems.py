"""Every error leaves the server as a problem with its own status and code, and says nothing of our insides."""

import logging
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from conselho import errors
from conselho.server import problems
from tests.looping import on_a_loop

SECRET = "postgresql://anna:secret-word@db/prod"


def tree(kind: type[errors.ConselhoError] = errors.ConselhoError) -> Iterator[type[errors.ConselhoError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


class Wish(BaseModel):
    """A body with one field, for what is not valid."""

    count: int


def failing(error: Exception | None = None) -> httpx.AsyncClient:
    """A client of an application whose one door fails in that way."""
    app = FastAPI()
    problems.install(app)

    @app.post("/door")
    async def door(wish: Wish) -> None:
        if error is not None:
            raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://conselho")


async def answer_to(error: Exception | None, content: bytes = b'{"count": 1}', method: str = "POST") -> httpx.Response:
    async with failing(error) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.request(method, "/door", content=content, headers=headers)
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail", "code"}
    assert (told["type"], told["status"]) == ("about:blank", answer.status_code)
    assert told["title"] == HTTPStatus(answer.status_code).phrase
    return answer


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
@on_a_loop
async def test_each_error_of_the_tree_is_its_own_problem(kind: type[errors.ConselhoError]) -> None:
    answer = await answer_to(kind("this is what happened"))
    assert (answer.status_code, answer.json()["code"]) == (kind.status, kind.code)
    assert answer.json()["detail"] == "this is what happened"
    assert ("Retry-After" in answer.headers) == issubclass(kind, errors.Unavailable)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_each_error_has_a_sentence_by_itself_and_stands_in_the_drawing(kind: type[errors.ConselhoError]) -> None:
    assert kind().sentence.endswith(".") or "`" in kind().sentence
    assert "\n" not in kind().sentence.strip()
    assert kind.__name__ in (errors.__doc__ or "")


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in tree()]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and code.replace("_", "").isalpha() for code in codes)


@on_a_loop
async def test_who_may_try_again_is_told_when() -> None:
    answer = await answer_to(errors.StorageFull())
    assert int(answer.headers["Retry-After"]) == errors.StorageFull.retry_after_seconds


@on_a_loop
async def test_what_nobody_foresaw_is_500_and_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await answer_to(ZeroDivisionError(SECRET))
    assert answer.status_code == 500
    assert "secret-word" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    (record, *_) = [record for record in caplog.records if record.name == problems.__name__]
    assert record.exc_info is not None
    assert "POST /door failed" in record.message


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{}", "count: "),
        (b'{"count": "many"}', "count: "),
        (b"[]", "the request: "),
        (b"", "the request: "),
        (b'{"count": "\\ud800"}', "count: "),
    ],
)
@on_a_loop
async def test_what_is_not_valid_names_its_place(content: bytes, word: str) -> None:
    answer = await answer_to(None, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["detail"].startswith(word)


@on_a_loop
async def test_what_the_framework_refuses_looks_the_same() -> None:
    answer = await answer_to(None, method="DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    answer = await answer_to(HTTPException(418, "a teapot", {"X-Tea": "green"}))
    assert (answer.status_code, answer.json()["detail"], answer.headers["X-Tea"]) == (418, "a teapot", "green")
