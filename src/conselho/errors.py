"""What can go wrong, and what is the caller told?

    ConselhoError
    ├── Refused               a rule says no; nothing was changed
    │   ├── Malformed         400  no HTTP at all
    │   ├── Invalid           422  the request itself is wrong
    │   ├── ForeignPage       403  a web page that is not ours sent it
    │   ├── NotFound          404
    │   ├── WrongMethod       405
    │   ├── TooSlow           408
    │   ├── Conflict          409  the request is right, the moment is not
    │   ├── Gone              410
    │   ├── TooLarge          413
    │   ├── NotJson           415
    │   ├── UnknownKind       415  a file that is not taken
    │   ├── WrongHost         421  it was meant for another server
    │   └── TooManyStreams    429
    ├── Unavailable           503  trying again later can help
    │   ├── Overloaded             a queue is full
    │   ├── NotReady               the server itself, the disk or the database is not fit for work
    │   ├── DatabaseGone           the database does not answer
    │   ├── StorageFull            no room on the disk
    │   └── OutcomeUnknown         a commit's answer was lost: read back before acting
    └── Unusable              500  this program cannot work with what it was given
        ├── AddressTaken           another process listens there
        ├── SchemaNewer            the database was written by a newer program
        ├── SchemaOlder            the database has not been upgraded
        └── DataDirectoryHeld 409  another process writes there

Each class has an HTTP `status` and a stable `code`; its docstring is its default sentence. The server
renders them once, as RFC 9457 problem+json; the terminal prints the sentence.
"""

from typing import Any, ClassVar

PROBLEM = "application/problem+json"  # RFC 9457
PROBLEM_SCHEMA = "#/components/schemas/Problem"


class ConselhoError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"

    def __init__(self, sentence: str | None = None, **members: Any) -> None:
        """`members`: what a program is told beside the sentence, as plain JSON."""
        super().__init__(sentence or (type(self).__doc__ or "").strip())
        self.members = members

    @property
    def sentence(self) -> str:
        """One sentence for a person, saying what to do where something can be done."""
        return str(self)


class Refused(ConselhoError):
    """This cannot be done now."""

    status = 409
    code = "refused"


class Invalid(Refused):
    """The request is not valid."""

    status = 422
    code = "invalid"


class Malformed(Refused):
    """This is no HTTP request."""

    status = 400
    code = "malformed"


class ForeignPage(Refused):
    """A web page that is not ours asked for this: nothing was done."""

    status = 403
    code = "foreign_page"


class NotFound(Refused):
    """There is no such thing."""

    status = 404
    code = "not_found"


class WrongMethod(Refused):
    """This path does not know that method."""

    status = 405
    code = "wrong_method"


class TooSlow(Refused):
    """The request did not arrive in time."""

    status = 408
    code = "too_slow"


class Conflict(Refused):
    """The state of things does not allow this."""

    status = 409
    code = "conflict"


class Gone(Refused):
    """It was there, and is not kept any more."""

    status = 410
    code = "gone"


class TooLarge(Refused):
    """The request is larger than 1 MiB, or its file than 10 MiB."""

    status = 413
    code = "too_large"


class NotJson(Refused):
    """What is sent must be JSON, and say so: `Content-Type: application/json`."""

    status = 415
    code = "not_json"


class UnknownKind(Refused):
    """Only images (png, jpeg, gif, webp) and text in UTF-8 are taken, by their content."""

    status = 415
    code = "unknown_kind"


class WrongHost(Refused):
    """This server does not go by the name in the Host header."""

    status = 421
    code = "wrong_host"


class TooManyStreams(Refused):
    """This client has too many streams open: close one."""

    status = 429
    code = "too_many_streams"


class Unavailable(ConselhoError):
    """The service cannot do this at the moment: try again shortly."""

    status = 503
    code = "unavailable"
    retry_after_seconds: ClassVar[int] = 1


class Overloaded(Unavailable):
    """Too much is waiting to be written: try again shortly."""

    code = "overloaded"


class NotReady(Unavailable):
    """This server cannot take work now: the answer says why."""

    code = "not_ready"
    retry_after_seconds = 5


class DatabaseGone(Unavailable):
    """The database does not answer: it is tried again as soon as it is back."""

    code = "database_gone"
    retry_after_seconds = 5


class StorageFull(Unavailable):
    """There is no room on the disk: free some, nothing that was accepted is lost."""

    code = "storage_full"
    retry_after_seconds = 30


class OutcomeUnknown(Unavailable):
    """The database went away while committing: look whether it happened before trying again."""

    code = "outcome_unknown"


class Unusable(ConselhoError):
    """This cannot be used by this program."""

    code = "unusable"


class AddressTaken(Unusable):
    """Another process listens at this address."""

    code = "address_taken"


class SchemaNewer(Unusable):
    """The database was written by a newer Conselho: use that version, or restore a backup."""

    code = "schema_newer"


class SchemaOlder(Unusable):
    """The database is older than this program: run `conselho db upgrade`."""

    code = "schema_older"


class DataDirectoryHeld(Unusable):
    """Another process is using this data directory."""

    status = 409
    code = "data_directory_held"


def documented(*kinds: type[ConselhoError]) -> dict[int | str, dict[str, Any]]:
    """How `/openapi.json` tells of the errors a door may answer with, by status."""
    told: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        said = f"`{kind.code}`: {(kind.__doc__ or '').strip()}"
        if kind.status in told:
            told[kind.status]["description"] += f" {said}"
        else:
            told[kind.status] = {"description": said, "content": {PROBLEM: {"schema": {"$ref": PROBLEM_SCHEMA}}}}
    return told
