"""How does a command reach the server? HTTP over the Unix socket of the data directory.

Reading works when nobody serves, too: then the same API is called in this process, on the database itself.
Writing starts a server in the background. A server may be replaced while a command talks to it (`serve` takes
over from a background server; a killed one comes back), so a request that broke is repeated once somebody serves
again - which is why each creating one carries an idempotency key.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import httpx

from conselho import errors, ids
from conselho.cli import background, listener

if TYPE_CHECKING:
    from conselho.settings import Settings

API = "/api/v1"

TIMEOUT_SECONDS = 60.0
"""For one answer. The server refuses after less when its database is gone."""

GLANCE_SECONDS = 2.0
"""For an answer that is only nice to have."""

SILENCE_SECONDS = 45.0
"""On a stream, which says something every 15 s: three missed are a dead server."""

PLACE = "place"
"""In place of an event's name: only how far a stream has come, also where nothing was told."""

TRIES_MAX = 3
"""For one request: each time a server had to be found again."""

_RAISED: dict[int, type[errors.ConselhoError]] = {
    400: errors.Invalid,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.Invalid,
    415: errors.Invalid,
    422: errors.Invalid,
    503: errors.Unavailable,
}


class Gone(errors.Unavailable):
    """The server went away in the middle of an answer."""


class Api:
    """The server's API as one command uses it. Close it, or use it in a `with`."""

    def __init__(
        self,
        http: httpx.Client,
        revive: Callable[[], None] | None = None,
        await_server: Callable[[float | None], bool] = lambda _seconds: True,
    ) -> None:
        self._http = http
        self._revive = revive
        self._await = await_server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def is_served(self) -> bool:
        """False when this process reads the database by itself: nothing will change, nothing can be followed."""
        return self._revive is not None

    def get(self, path: str, **query: object) -> Any:
        """The JSON at a path. Raises: the error the server answered with."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._send("GET", path, params=given)

    def glance(self, path: str) -> Any | None:
        """The JSON at a path if it is to be had right now."""
        with contextlib.suppress(httpx.HTTPError, ValueError):
            response = self._http.get(API + path, timeout=GLANCE_SECONDS)
            return response.json() if response.is_success else None
        return None

    def post(self, path: str, body: dict[str, Any] | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Any:
        """Ask for a change, once, however often the server has to be found again."""
        headers = {"Idempotency-Key": ids.new()}
        return self._send("POST", path, json=body or {}, headers=headers, timeout=timeout_seconds)

    def send_file(self, path: str, content: bytes, **query: str) -> Any:
        """Send a file as it is, once, however often the server has to be found again."""
        headers = {"Idempotency-Key": ids.new(), "Content-Type": "application/octet-stream"}
        return self._send("POST", path, params=query, content=content, headers=headers)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Change what is named in the body; to ask twice is to ask once."""
        return self._send("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove it; where the server had to be found again, it may be gone already (errors.NotFound)."""
        self._send("DELETE", path)

    @contextlib.contextmanager
    def stream(self, path: str, last_event_id: int | str) -> Iterator[Iterator[tuple[str, str]]]:
        """Server-sent events after an id, as (event, data). Raises: Gone when the connection breaks."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last_event_id)}
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        try:
            with self._http.stream("GET", API + path, headers=headers, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise refusal(response)
                yield _messages(response.iter_bytes())
        except httpx.HTTPError as error:
            raise Gone from error

    def tell_to_stop(self) -> None:
        """Ask the server to end. Its runs go on; the next server takes them up."""
        with contextlib.suppress(httpx.HTTPError):
            self._http.post(API + "/server/stop")

    def revive(self) -> None:
        """See to it that somebody serves again. Raises: errors.Unavailable when nobody can."""
        if self._revive is None:
            raise errors.Unavailable("no server is running: start one with `conselho serve`")
        self._revive()

    def await_server(self, seconds: float | None) -> bool:
        """Wait until somebody serves again, without starting anybody; False: nobody did in that time.

        Raises: errors.Invalid where that one serves another database than was named.
        """
        return self._await(seconds)

    def _send(self, method: str, path: str, **request: Any) -> Any:
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                response = self._http.request(method, API + path, **request)
            except httpx.HTTPError as error:
                if not tries_left or self._revive is None:
                    raise Gone(f"the server does not answer: {error}") from error
                self._revive()
                continue
            if response.is_success:
                return response.json() if response.content else None
            raise refusal(response)
        raise AssertionError("the last try returns or raises")


def reader(settings: "Settings") -> Api:
    """For commands that only look: the server if one serves, else the database itself.

    Raises: errors.Invalid, errors.Unavailable where the server is none that can be asked.
    """
    if listener.answers(settings):
        return _over_socket(settings)
    from conselho.server import reading  # noqa: PLC0415 - brings the whole server with it

    return Api(reading.client(settings))


def writer(settings: "Settings") -> Api:
    """For commands that change something; starts a server in the background if nobody serves.

    Raises: errors.Unavailable, errors.DataDirectoryHeld, errors.Invalid.
    """
    background.ensure(settings, lambda: listener.answers(settings))
    return _over_socket(settings)


def refusal(response: httpx.Response) -> errors.ConselhoError:
    """The server's problem as the error it stands for."""
    try:
        sentence = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        sentence = f"the server answered {response.status_code}: its log says why"
    return _RAISED.get(response.status_code, errors.ConselhoError)(sentence)


def _over_socket(settings: "Settings") -> Api:
    serving = listener.check(settings)
    # The server's own limits hold; a proxy in the environment has no business here.
    http = httpx.Client(
        transport=httpx.HTTPTransport(uds=str(settings.socket_path)),
        base_url="http://conselho",
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    )

    def revive() -> None:
        not_ours = "the server is gone, and it served another database: start it again"
        background.ensure(
            settings,
            lambda: listener.answers(settings),
            patience_seconds=background.COMEBACK_SECONDS,
            forbidden=not_ours if listener.is_elsewhere(settings, serving) else None,
        )
        listener.check(settings)

    return Api(http, revive, lambda seconds: listener.await_somebody(settings, seconds))


def _messages(chunks: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    """Server-sent events, split at LF alone: text in the data may hold what Python also calls a line's end.

    An id without data comes as PLACE.
    """
    event, data, place = "message", "", ""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for raw in lines:
            name, _, value = raw.rstrip(b"\r").decode("utf-8").partition(":")
            if name == "event":
                event = value.strip()
            elif name == "data":
                data += value.removeprefix(" ")
            elif name == "id":
                place = value.strip()
            elif not raw.rstrip(b"\r"):
                if data:
                    yield event, data
                elif place:
                    yield PLACE, json.dumps(place)
                event, data, place = "message", "", ""
