"""Which providers are there?"""

from conselho import errors
from conselho.providers.base import Provider
from conselho.providers.claude import Claude
from conselho.providers.codex import Codex
from conselho.providers.command import Command
from conselho.providers.gemini import Gemini
from conselho.providers.opencode import OpenCode

_PROVIDERS: dict[str, Provider] = {
    provider.name: provider for provider in (Command(), Claude(), Codex(), Gemini(), OpenCode())
}


def find(name: str) -> Provider:
    """The provider of that name. Raises: errors.Invalid naming those there are."""
    found = _PROVIDERS.get(name)
    if found is None:
        raise errors.Invalid(f"there is no provider {name[:50]!r}: known are {', '.join(names())}")
    return found


def names() -> list[str]:
    """The names of all providers."""
    return sorted(_PROVIDERS)
