import asyncio

import httpx
import pytest
from starlette.types import Scope

from conselho import errors
from conselho.server import guard
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import served

PORT = 8585
HOST = f"127.0.0.1:{PORT}"
JSON = "application/json"


def scope(method: str = "GET", *headers: tuple[str, str], host: str | None = HOST, door: str = "tcp") -> Scope:
    """A request as uvicorn tells of it."""
    given = [] if host is None else [("host", host)]
    return {
        "type": "http",
        "method": method,
        "path": "/api/v1/executions",
        "server": ("127.0.0.1", PORT) if door == "tcp" else ("/run/conselho.sock", None),
        "headers": [(name.encode(), value.encode()) for name, value in (*given, *headers)],
    }


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"[::1]:{PORT}", f"LocalHost:{PORT}"])
def test_the_names_of_this_server_are_let_in(host: str) -> None:
    guard.check(scope(host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", f"evil.example:{PORT}", f"localhost.evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}",
        "127.0.0.1", "localhost", "127.0.0.1:8586", "127.0.0.1:", f"127.0.0.1:{PORT}0", f"127.0.0.1:0{PORT}", "",
        f"user@127.0.0.1:{PORT}", f"127.1:{PORT}", f"0.0.0.0:{PORT}", f"::1:{PORT}", f"[::1%lo]:{PORT}",
        f"localhost.:{PORT}",
    ],
)  # fmt: skip
def test_any_other_host_is_not_ours(host: str) -> None:
    with pytest.raises(errors.WrongHost, match=rf"^this server goes by 127\.0\.0\.1:{PORT}, "):
        guard.check(scope(host=host))


def test_a_request_that_names_no_host_or_two_is_not_ours() -> None:
    with pytest.raises(errors.WrongHost, match="not by no name at all"):
        guard.check(scope(host=None))
    with pytest.raises(errors.WrongHost):
        guard.check(scope("GET", ("host", HOST)))


def test_the_address_that_was_chosen_is_a_name_too() -> None:
    asked = scope(host=f"127.0.0.5:{PORT}")
    asked["server"] = ("127.0.0.5", PORT)
    guard.check(asked)


def test_http_s_own_port_need_not_be_named() -> None:
    asked = scope("POST", ("origin", "http://localhost"), ("content-type", JSON), host="localhost")
    asked["server"] = ("127.0.0.1", 80)
    guard.check(asked)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "MADEUP"])
@pytest.mark.parametrize(
    "headers",
    [
        (("sec-fetch-site", "cross-site"),),
        (("sec-fetch-site", "same-site"), ("origin", f"http://{HOST}")),  # another port of this host
        (("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")),
        (("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")),
        (("origin", "http://evil.example"),),
        (("origin", "http://127.0.0.1:9999"),),
        (("origin", "http://127.0.0.1"),),
        (("origin", f"https://{HOST}"),),
        (("origin", f"http://{HOST}.evil.example"),),
        (("origin", HOST),),
        (("origin", "null"),),
        (("origin", ""),),
    ],
)
def test_a_foreign_page_changes_nothing(method: str, headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(errors.ForeignPage):
        guard.check(scope(method, ("content-type", JSON), *headers))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("sec-fetch-site", "same-origin"), ("origin", f"http://{HOST}")),
        (("sec-fetch-site", "none"),),
        (("origin", f"http://localhost:{PORT}"),),
    ],
)
def test_our_own_pages_and_programs_may(headers: tuple[tuple[str, str], ...]) -> None:
    guard.check(scope("POST", ("content-type", JSON), *headers))


def test_a_foreign_page_may_be_sent_what_it_cannot_read() -> None:
    guard.check(scope("GET", ("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")))


@pytest.mark.parametrize("door", ["tcp", "socket"])
@pytest.mark.parametrize(
    "headers",
    [
        (("content-length", "2"),),
        (("transfer-encoding", "chunked"),),
        (("content-type", "text/plain"),),
        (("content-type", "application/x-www-form-urlencoded"), ("content-length", "2")),
        (("content-type", "multipart/form-data; boundary=application/json"), ("content-length", "2")),
        (("content-type", "text/plain; application/json"), ("content-length", "2")),
        (("content-type", "application/json, text/plain"), ("content-length", "2")),
        (("content-type", JSON), ("content-type", "text/plain"), ("content-length", "2")),
        (("content-type", "application/jsonx"), ("content-length", "2")),
        (("content-type", ""), ("content-length", "2")),
    ],
)
def test_what_is_sent_must_say_that_it_is_json(door: str, headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(errors.NotJson):
        guard.check(scope("POST", *headers, door=door))


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON", "application/json; charset=utf-8"])
def test_json_may_be_said_in_several_ways(content_type: str) -> None:
    guard.check(scope("POST", ("content-type", content_type), ("content-length", "2")))


@pytest.mark.parametrize(
    "header", [("origin", f"http://{HOST}"), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")]
)
def test_only_a_program_may_send_nothing_without_saying_what(header: tuple[str, str]) -> None:
    guard.check(scope("POST", ("content-length", "0")))
    guard.check(scope("DELETE"))
    with pytest.raises(errors.NotJson):
        guard.check(scope("POST", ("content-length", "0"), header))


def test_the_socket_has_no_rule_for_hosts_and_pages() -> None:
    guard.check(
        scope("POST", ("content-type", JSON), ("origin", "http://evil.example"), host="anything", door="socket")
    )
    guard.check(scope(host=None, door="socket"))


@on_a_loop
async def test_over_tcp_the_rules_hold_on_every_path_and_nothing_is_started(settings: Settings) -> None:
    async with served(settings) as desk, httpx.AsyncClient(base_url=desk.url, trust_env=False) as stranger:
        wish = {"argv": ["true"], "cwd": "/"}
        for path in ("/livez", "/api/v1/executions", "/nowhere", "/openapi.json"):
            answer = await stranger.get(path, headers={"Host": "evil.example"})
            assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")
        foreign = await stranger.post("/api/v1/executions", json=wish, headers={"Origin": "http://evil.example"})
        form = await stranger.post("/api/v1/executions", data={"argv": "true"})
        plain = await stranger.post("/api/v1/executions", content=b"{}", headers={"Content-Type": "text/plain"})
        refused = [foreign, form, plain]
        assert [(each.status_code, each.json()["code"]) for each in refused] == [
            (403, "foreign_page"), (415, "not_json"), (415, "not_json"),
        ]  # fmt: skip
        for each in refused:
            assert each.headers["Content-Type"] == "application/problem+json"
            assert each.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert "Access-Control-Allow-Origin" not in each.headers
        assert await desk.count() == 0
        assert (await stranger.post("/api/v1/executions", json=wish)).status_code == 202


@on_a_loop
async def test_a_browser_that_asks_whether_it_may_gets_no_leave(settings: Settings) -> None:
    async with served(settings) as desk, httpx.AsyncClient(base_url=desk.url, trust_env=False) as browser:
        asked = {
            "Origin": "http://evil.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        answer = await browser.options("/api/v1/executions", headers=asked)
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "raw", [b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
)
@on_a_loop
async def test_what_is_no_http_is_a_problem_and_the_end_of_the_connection(settings: Settings, raw: bytes) -> None:
    async with served(settings) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(desk.url).port)
        writer.write(raw)
        writer.write_eof()
        said = await reader.read()
        writer.close()
        assert b"HTTP/1.1 400 " in said
        assert b'"code": "malformed"' in said
