"""What may an agent be defined with, and a run be asked for? Where both have a field, its limits are the same.

Each check raises errors.Invalid with one sentence that names the field and its limit.
"""

import re
from collections.abc import Mapping, Sequence

from conselho import errors, names

EMOJI_CHARACTERS_MAX = 32  # a family with skin tones has 11
DESCRIPTION_CHARACTERS_MAX = 10_000
MODEL_CHARACTERS_MAX = 100
CONCURRENCY_MAX = 1000  # as many as a worker may have seats
PROMPT_BYTES_MAX = 512 * 1024  # what the agent CLIs take on stdin without complaint
ARGV_PROMPT_BYTES_MAX = 100 * 1024  # Linux refuses one argument of 128 KiB
ARGV_BYTES_MAX = 512 * 1024  # all arguments together; the kernel's limit is 2 MiB with the environment
ENV_BYTES_MAX = 128 * 1024
ENV_NAMES_MAX = 100
NAME_CHARACTERS_MAX = 200  # of a variable
TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX = 1.0, 7 * 86400.0
EXIT_CODES_MAX = 256
PROMPT_ARGUMENT = "{prompt}"  # an argument that is exactly this becomes the prompt, which `ps` then shows
OUR_OWN = "CONSELHO_"  # how the server's settings are called: its database's password is one

# What is true of every name and text stands below; whoever asks for the limits of an agent finds it here.
SLUG, SLUG_CHARACTERS_MAX = names.SLUG, names.SLUG_CHARACTERS_MAX
TITLE_CHARACTERS_MAX = names.TITLE_CHARACTERS_MAX
check_slug, check_text, is_storable = names.check_slug, names.check_text, names.is_storable

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_prompt(prompt: str | None) -> None:
    """A prompt that an agent CLI takes."""
    check_text("prompt", prompt)
    if _bytes(prompt or "") > PROMPT_BYTES_MAX:
        raise errors.Invalid("the prompt is longer than 512 KiB: shorten it, or put the text in a file and name that")


def check_cwd(cwd: str) -> None:
    """A directory that means the same wherever the server was started; whether it is there, the run will see."""
    check_text("cwd", cwd)
    if not cwd.startswith("/"):
        raise errors.Invalid("cwd must be an absolute path")


def check_argv(provider: str, argv: Sequence[str], prompt: str | None) -> None:
    """A program and its arguments, and a prompt that fits where it is to stand."""
    if provider == "command" and not argv:
        raise errors.Invalid("a command needs argv: the program and its arguments")
    if (argv and not argv[0]) or not all(is_storable(argument) for argument in argv):
        raise errors.Invalid("argv must be valid text without NUL, and its first element must not be empty")
    if sum(_bytes(argument) + 1 for argument in argv) > ARGV_BYTES_MAX:
        raise errors.Invalid("argv is larger than 512 KiB altogether: give long text as the prompt instead")
    if PROMPT_ARGUMENT in argv and _bytes(prompt or "") > ARGV_PROMPT_BYTES_MAX:
        raise errors.Invalid(
            "the prompt is over 100 KiB, too long for an argument: leave {prompt} out to give it on stdin"
        )


def check_env(env: Mapping[str, str]) -> None:
    """Variables with their values."""
    for name, value in env.items():
        if not name or "=" in name or not is_storable(name + value):
            raise errors.Invalid(f"env: {name[:50]!r} is no name of a variable, or its value is no valid text")
    if sum(_bytes(name + value) for name, value in env.items()) > ENV_BYTES_MAX:
        raise errors.Invalid("env is larger than 128 KiB altogether")


def check_env_allow(names: Sequence[str]) -> None:
    """Names of variables that a run inherits from the worker that starts it; none of the server's own settings."""
    if len(names) > ENV_NAMES_MAX:
        raise errors.Invalid(f"env_allow has at most {ENV_NAMES_MAX} names")
    for name in names:
        if len(name) > NAME_CHARACTERS_MAX or not _VARIABLE.fullmatch(name):
            raise errors.Invalid(f"env_allow: {name[:50]!r} is no name of a variable")
        if name.startswith(OUR_OWN):
            raise errors.Invalid(f"env_allow: {name[:50]} is the server's own and no run gets it")


def check_seconds(name: str, seconds: float | None) -> None:
    """A timeout."""
    if seconds is not None and not TIMEOUT_SECONDS_MIN <= seconds <= TIMEOUT_SECONDS_MAX:
        raise errors.Invalid(f"{name} must lie between 1 s and 7 d (604800 s), not {seconds:g}")


def check_exit_codes(codes: Sequence[int]) -> None:
    """The exit codes that are no failure."""
    if not codes or len(codes) > EXIT_CODES_MAX or any(not 0 <= code <= 255 for code in codes):
        raise errors.Invalid("accepted_exit_codes must be numbers from 0 to 255, at least one")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
