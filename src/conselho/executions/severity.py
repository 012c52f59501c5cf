"""How bad is it: success, warning or error?"""

from enum import StrEnum


class Severity(StrEnum):
    """From good to bad, in this order; `rank` compares them, for as text `error` comes before `success`."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for success, 2 for error."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}
