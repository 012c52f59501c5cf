from collections.abc import Iterator
from pathlib import Path

import pytest

from conselho import errors
from conselho import settings as settings_module
from conselho.cli import client, listener
from conselho.cli.follow import Line, follow
from conselho.settings import Settings
from tests.cli.stage import EXECUTION, IDENTITY, Script, Stage, finished


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({"data_dir": tmp_path}, environ={})


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def api(settings: Settings, script: Script) -> Iterator[client.Api]:
    with Stage(settings.socket_path, script), client.writer(settings) as api:
        yield api


def test_a_socket_nobody_listens_at_is_nobody(settings: Settings) -> None:
    assert not listener.answers(settings)
    settings.socket_path.touch()
    assert not listener.answers(settings)


def test_an_answer_is_its_json(api: client.Api) -> None:
    assert api.get(f"/executions/{IDENTITY}") == EXECUTION


def test_each_change_carries_a_key_of_its_own(api: client.Api, script: Script) -> None:
    api.post("/executions", {"argv": ["x"]})
    api.post("/executions", {"argv": ["x"]})
    (path, body, first), (_, _, second) = script.posted
    assert (path, body) == ("/api/v1/executions", {"argv": ["x"]})
    assert first is not None
    assert first != second


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (422, errors.Invalid),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (503, errors.Unavailable),
        (500, errors.ConselhoError),
    ],
)
def test_a_refusal_is_the_error_it_stands_for_with_its_sentence(
    api: client.Api, script: Script, status: int, kind: type[errors.ConselhoError]
) -> None:
    script.refusal = (status, {"detail": "the sentence", "code": "x"})
    with pytest.raises(kind, match=r"^the sentence$"):
        api.get("/executions")


def test_an_answer_that_is_no_problem_still_makes_a_sentence(api: client.Api, script: Script) -> None:
    script.refusal = (502, {"other": 1})
    with pytest.raises(errors.ConselhoError, match="the server answered 502"):
        api.get("/executions")


def test_a_glance_at_what_is_not_there_is_none(api: client.Api, script: Script) -> None:
    script.refusal = (500, {})
    assert api.glance("/executions/x") is None


def test_a_run_is_followed_to_its_end(api: client.Api, script: Script) -> None:
    script.texts = ["one", "two"]
    heard = list(follow(api, IDENTITY))
    assert [(line.seq, line.text) for line in heard if isinstance(line, Line)] == [(1, "one"), (2, "two")]
    assert heard[-1] == finished()


def test_no_line_is_lost_or_doubled_when_streams_break(api: client.Api, script: Script) -> None:
    script.texts = [str(number) for number in range(1, 51)]
    script.breaks = [1, 7, 30, 50]
    heard = list(follow(api, IDENTITY))
    assert [line.text for line in heard if isinstance(line, Line)] == script.texts
    assert script.asked_after == [0, 1, 7, 30, 50]


def test_following_begins_after_a_line(api: client.Api, script: Script) -> None:
    script.texts = ["one", "two", "three"]
    heard = list(follow(api, IDENTITY, after=2))
    assert [line.text for line in heard if isinstance(line, Line)] == ["three"]


def test_text_that_python_would_call_several_lines_is_one(api: client.Api, script: Script) -> None:
    script.texts = ["a\u2028b\x85c\x0bd\x1ce\r"]
    heard = next(iter(follow(api, IDENTITY)))
    assert isinstance(heard, Line)
    assert heard.text == script.texts[0]


def test_what_is_followed_may_be_gone(api: client.Api, script: Script) -> None:
    script.refusal = (404, {"detail": "there is no such execution"})
    with pytest.raises(errors.NotFound, match="no such execution"):
        next(iter(follow(api, IDENTITY)))


def test_a_request_is_repeated_with_its_key_when_its_server_is_replaced(settings: Settings) -> None:
    first, second = Script(), Script()
    with Stage(settings.socket_path, first):
        api = client.writer(settings)
        api.post("/executions", {"argv": ["one"]})
    with api, Stage(settings.socket_path, second):
        # The kept connection leads to the first server, which is gone.
        api.post("/executions", {"argv": ["two"]})
    assert [body for _, body, _ in second.posted] == [{"argv": ["two"]}]


def test_following_goes_on_with_the_next_server(settings: Settings) -> None:
    texts = ["one", "two", "three"]
    first, second = Script(texts[:2], waits_for_cancel=True, end=None), Script(texts)
    with Stage(settings.socket_path, first):
        api = client.writer(settings)
        heard = follow(api, IDENTITY)
        seen = [next(heard), next(heard)]
        first.cancelled.set()
    with api, Stage(settings.socket_path, second):
        seen += list(heard)
    assert [line.text for line in seen if isinstance(line, Line)] == texts


def test_an_id_without_data_says_how_far_a_stream_has_come() -> None:
    told = b": still here\nid: abc-7\n\nid: abc-8\nevent: card.moved\ndata: {}\n\nretry: 500\n\n"
    for size in (1, 7, len(told)):
        pieces = [told[begin : begin + size] for begin in range(0, len(told), size)]
        assert list(client._messages(iter(pieces))) == [(client.PLACE, '"abc-7"'), ("card.moved", "{}")]
