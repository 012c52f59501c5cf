"""The scripted model itself: turns in their order, refusals, answers that break off, and every request kept."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.scripted_model.scenario import OVER, Scenario
from tests.scripted_model.server import Model
from tests.scripted_model.spoken import DIALECTS

MESSAGES = "/v1/messages?beta=true"
QUESTION = {"model": "m", "stream": True, "tools": [{"name": "Bash"}], "messages": [{"role": "user", "content": "hi"}]}

Client = Callable[[list[Any]], httpx.Client]


@contextmanager
def speaking(turns: list[Any], requests: Path) -> Iterator[httpx.Client]:
    model = Model(Scenario(turns), DIALECTS, requests)
    thread = threading.Thread(target=model.serve_forever, args=(0.01,))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{model.server_port}", timeout=20, trust_env=False) as client:
        yield client
    model.shutdown()
    thread.join()
    model.server_close()


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    return tmp_path / "requests.jsonl"


@pytest.fixture
def model(requests: Path) -> Iterator[Client]:
    with ExitStack() as stack:
        yield lambda turns: stack.enter_context(speaking(turns, requests))


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n") if line.startswith("data: ")]


def said(answer: httpx.Response) -> str:
    return "".join(each["delta"].get("text", "") for each in events(answer) if each["type"] == "content_block_delta")


def test_each_request_takes_the_next_turn(model: Client) -> None:
    client = model([{"say": "one"}, [{"say": "two"}, {"call": {"name": "Bash", "input": {"command": "ls"}}}]])
    assert said(client.post(MESSAGES, json=QUESTION)) == "one"
    second = events(client.post(MESSAGES, json=QUESTION))
    assert [each["content_block"]["type"] for each in second if each["type"] == "content_block_start"] == [
        "text",
        "tool_use",
    ]
    assert second[-2]["delta"]["stop_reason"] == "tool_use"
    assert said(client.post(MESSAGES, json=QUESTION)) == OVER


def test_side_requests_take_no_turn_and_every_request_is_kept(model: Client, requests: Path) -> None:
    client = model([{"say": "one"}])
    assert client.post("/v1/messages/count_tokens", json=QUESTION).json() == {"input_tokens": 100}
    assert client.get("/elsewhere").status_code == 404
    assert said(client.post(MESSAGES, json=QUESTION)) == "one"
    kept = [json.loads(line) for line in requests.read_text().splitlines()]
    assert [(each["path"], each["turn"], each["asked"]) for each in kept] == [
        ("/v1/messages/count_tokens", None, []),
        ("/elsewhere", None, []),
        (MESSAGES, 0, ["hi"]),
    ]


def test_a_failure_comes_as_often_as_it_says(model: Client) -> None:
    fail = {"status": 429, "message": "slow down", "headers": {"retry-after": "7"}, "times": 2}
    client = model([{"fail": fail}, {"say": "there"}])
    for _ in range(2):
        answer = client.post(MESSAGES, json=QUESTION)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["error"] == {"type": "rate_limit_error", "message": "slow down"}
    assert said(client.post(MESSAGES, json=QUESTION)) == "there"


def test_a_failure_may_be_for_ever(model: Client) -> None:
    client = model([{"fail": {"status": 401, "times": "always"}}])
    assert [client.post(MESSAGES, json=QUESTION).status_code for _ in range(5)] == [401] * 5


def test_a_dropped_answer_is_cut_in_the_middle(model: Client) -> None:
    client = model([[{"say": "one"}, {"drop": True}], {"drop": True}])
    with client.stream("POST", MESSAGES, json=QUESTION) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(MESSAGES, json=QUESTION)


def test_a_stalled_answer_says_half_and_then_nothing(model: Client) -> None:
    client = model([[{"say": "one"}, {"stall": True}]])
    with client.stream("POST", MESSAGES, json=QUESTION, timeout=httpx.Timeout(20, read=0.2)) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: message_start"
        with pytest.raises(httpx.ReadTimeout):
            list(lines)


def test_a_scenario_with_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="knows no 'sing'"):
        Scenario([{"sing": "la"}])
