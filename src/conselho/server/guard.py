"""Who may ask for something over TCP? Programs of this machine, and pages that this server itself sent.

Any web page in a browser on this machine can send requests to a loopback address, and a name of somebody else's may
be made to lead there. So over TCP the Host header must be one of ours, exactly, and what changes something must be
JSON, or a file - which a browser does not send for a foreign page without asking first, and we do not answer such
questions - and must not say that it comes from a foreign page. The Unix socket is out of a browser's reach: no Host
rule there.

Source: Fetch Standard, "CORS-safelisted request-header" and "Origin header"; W3C Fetch Metadata.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conselho import errors
from conselho.cards import media
from conselho.server import problems

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_MAX = 12_000  # requests that are being answered, those that wait and stream among them: some 40 KB each
_FILES = re.compile(r"/api/v1/cards/[^/]+/attachments")  # the one door that takes what is no JSON
# As what: of what a browser sends for any page without asking - text, forms, no type at all - it is none.
_FILE_TYPES = frozenset({"application/octet-stream", "application/json", *media.IMAGES})
_NAMES = ("127.0.0.1", "localhost", "[::1]")
_OUR_SITES = frozenset({"same-origin", "none"})
_ADDED = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),  # what is shown may be secret, and changes
)


class Guard:
    """Stands before the application and lets through what may be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with the reason why not."""
        if scope["type"] != "http":
            return  # nothing here speaks WebSocket

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message.get("headers", ())}
                added = [header for header in _ADDED if header[0] not in said]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        try:
            check(scope)
            if self._open >= OPEN_MAX:
                raise errors.Overloaded("too many requests are open: try again shortly")
        except errors.ConselhoError as refused:
            await problems.of(refused)(scope, receive, send_on)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send_on)
        finally:
            self._open -= 1


def brings_file(scope: Scope) -> bool:
    """Whether a request sends a file, and not JSON."""
    return scope["method"] == "POST" and _FILES.fullmatch(scope["path"]) is not None


def check(scope: Scope) -> None:
    """Raises: errors.WrongHost, errors.ForeignPage, errors.NotJson, errors.NotFound."""
    headers = Headers(scope=scope)
    port = (scope.get("server") or (None, None))[1]
    if port is not None:
        hosts = _hosts(scope["server"][0], port)
        _check_host(headers, hosts)
        if scope["method"] not in SAFE:
            _check_page(headers, hosts)
    if brings_file(scope):
        _check_file_type(headers)
    elif scope["method"] not in SAFE:
        _check_content_type(headers)
    if "\0" in scope["path"]:
        raise errors.NotFound("there is nothing whose name holds a NUL")


def _hosts(address: str, port: int) -> frozenset[str]:
    """What may stand in the Host header of a request to this address."""
    names = {*_NAMES, f"[{address}]" if ":" in address else address}
    # Clients leave out the port where it is HTTP's own.
    return frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


def _check_host(headers: Headers, hosts: frozenset[str]) -> None:
    found = headers.getlist("host")
    if len(found) != 1 or found[0].lower() not in hosts:
        said = repr(", ".join(found)[:100]) if found else "no name at all"
        raise errors.WrongHost(f"this server goes by {', '.join(sorted(hosts))}, not by {said}")


def _check_page(headers: Headers, hosts: frozenset[str]) -> None:
    sites = headers.getlist("sec-fetch-site")
    origins = headers.getlist("origin")
    if any(site not in _OUR_SITES for site in sites):
        raise errors.ForeignPage
    if any(origin.lower() not in {f"http://{host}" for host in hosts} for origin in origins):
        raise errors.ForeignPage


def _check_content_type(headers: Headers) -> None:
    found = headers.getlist("content-type")
    if not found and not _has_body(headers) and not _is_browser(headers):
        return  # nothing was sent that could be mistaken
    if len(found) != 1 or found[0].partition(";")[0].strip().lower() != "application/json":
        raise errors.NotJson


def _check_file_type(headers: Headers) -> None:
    found = headers.getlist("content-type")
    if len(found) != 1 or found[0].partition(";")[0].strip().lower() not in _FILE_TYPES:
        raise errors.NotJson("a file is sent as `Content-Type: application/octet-stream`, whatever is in it")


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip() != "0"


def _is_browser(headers: Headers) -> bool:
    return "origin" in headers or any(name.startswith("sec-fetch-") for name in headers)
