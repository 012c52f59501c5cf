"""What `/openapi.json` says is what the server does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from conselho import errors
from conselho.cards import media
from conselho.cards.schemas import ShownCard
from conselho.executions import answers
from conselho.server import app, contract
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

DOCUMENT = app.document()
PROBLEM = "application/problem+json"
KINDS = {kind.__name__: kind for kind in contract.KINDS}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every door as `METHOD /path`, with what is told of it."""
    for path, found in DOCUMENT["paths"].items():
        for method, operation in found.items():
            yield f"{method.upper()} {path}", operation


FILES = (media.TEXT, *media.IMAGES)  # of cards
DOORS = dict(operations())


@on_a_loop
async def test_the_server_answers_with_this_document(settings: Settings) -> None:
    async with served(settings) as desk:
        assert (await desk.http.get("http://conselho/openapi.json")).json() == DOCUMENT


@pytest.mark.parametrize("door", DOORS)
def test_every_door_says_what_it_does_and_what_it_answers(door: str) -> None:
    operation = DOORS[door]
    assert operation["summary"]
    assert operation["description"]
    assert operation["operationId"].isidentifier()
    (good,) = [told for status, told in operation["responses"].items() if status.startswith("2")]
    for media_type, content in good.get("content", {}).items():
        assert media_type in {"application/json", "text/event-stream", *FILES}
        assert content["schema"], "an answer without a shape"


@pytest.mark.parametrize("door", DOORS)
def test_every_error_of_a_door_is_a_problem_from_the_one_tree(door: str) -> None:
    method, path = door.split()
    told = {status: answer for status, answer in DOORS[door]["responses"].items() if not status.startswith("2")}
    for status, answer in told.items():
        kinds = [KINDS[answer["$ref"].rpartition("/")[2]]] if "$ref" in answer else []
        assert {str(kind.status) for kind in kinds} <= {status}
        resolved = DOCUMENT["components"]["responses"][kinds[0].__name__] if kinds else answer
        assert resolved["content"] == {PROBLEM: {"schema": {"$ref": errors.PROBLEM_SCHEMA}}}
        assert resolved["description"].startswith("`")
    assert {"400", "421", "500", "503"} <= set(told)
    if "{" in path:
        assert {"404", "422"} <= set(told)
    if method != "GET":
        assert {"403", "408", "413", "415", "422"} <= set(told)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in DOORS.values()]
    assert len(set(names)) == len(names)


def test_every_code_of_the_tree_is_told() -> None:
    told = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert told == sorted({kind.code for kind in KINDS.values()})


def strict(model: type[BaseModel]) -> type[BaseModel]:
    """The same shape, which bears nothing beside it."""
    return type(model.__name__, (model,), {"model_config": ConfigDict(extra="forbid")})


async def ended(desk: Desk, *argv: str) -> dict[str, Any]:
    execution_id = await desk.make(*argv)
    answer = await desk.http.get(f"/executions/{execution_id}", params={"wait": 60})
    found: dict[str, Any] = answer.json()
    return found


@on_a_loop
async def test_what_is_shown_of_executions_and_logs_has_the_shape_that_is_told(settings: Settings) -> None:
    line = json.dumps(
        {"severity": "warning", "summary": "x", "findings": [{"title": "a", "severity": "error", "line": 3}]}
    )
    async with served(settings, works=True) as desk:
        for argv in (["true"], ["sh", "-c", f"echo 'VERDICT: {line}'; exit 1"], ["/nowhere"]):
            execution = await ended(desk, *argv)
            strict(answers.ExecutionSnapshot).model_validate(execution)
            page = (await desk.http.get(f"/executions/{execution['id']}/log")).json()
            strict(answers.LogPage).model_validate(page)
            for item in page["items"]:
                strict(answers.LogLine).model_validate(item)
        page = (await desk.http.get("/executions")).json()
        assert len(page["items"]) == 3
        for item in page["items"]:
            strict(answers.ShownExecution).model_validate(item)
        assert {item["findings"][0]["title"] for item in page["items"] if item["findings"]} == {"a"}


@on_a_loop
async def test_a_conflict_over_a_card_has_the_shape_that_is_told(settings: Settings) -> None:
    problem = DOCUMENT["components"]["schemas"]["Problem"]
    async with served(settings) as desk:
        made = (await desk.http.post("/cards", json={"title": "Mend it"})).json()
        told = (await desk.http.post(f"/cards/{made['id']}/move", json={"column": "done"})).json()
        assert set(told) == {*problem["required"], "card"} == set(problem["properties"])
        strict(ShownCard).model_validate(told["card"])
