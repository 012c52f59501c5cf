"""How is any command run? Its argv as given, the prompt on stdin, every line of output a line of the log.

What it printed last on stdout is its result: a command has no other way to answer.
"""

from collections import deque
from collections.abc import Sequence

from conselho import errors
from conselho.providers.base import Conclusion, Invocation, Output, Program, Said, Task
from conselho.providers.options import Options

PROMPT_ARGUMENT = "{prompt}"
RESULT_CHARACTERS_MAX = 16 * 1024  # kept of the end of stdout: what people read, and what is searched
RESULT_LINES_MAX = 200


class Command:
    """The provider of plain commands."""

    name = "command"
    line_bytes_max = 64 * 1024  # nobody reads a longer line; it is kept in pieces
    program: Program | None = None

    def invocation(self, task: Task) -> Invocation:
        """The argv itself; an argument that is exactly `{prompt}` becomes the prompt, else it comes on stdin."""
        if task.options != Options():
            raise errors.Invalid("a command has no options: say what it takes as its arguments")
        prompt = task.prompt
        if prompt is None or PROMPT_ARGUMENT not in task.argv:
            return Invocation(argv=task.argv, stdin=None if prompt is None else prompt.encode("utf-8"))
        return Invocation(argv=tuple(prompt if part == PROMPT_ARGUMENT else part for part in task.argv))

    def begin(self) -> deque[str]:
        """The last lines of stdout, none yet."""
        return deque(maxlen=RESULT_LINES_MAX)

    def read(self, output: Output, state: deque[str]) -> tuple[Sequence[Said], deque[str]]:
        """One line of output is one line of the log."""
        if output.stream == "stdout":
            state.extend(line[-RESULT_CHARACTERS_MAX:] for line in output.lines[-RESULT_LINES_MAX:])
        return (Said(output.stream, output.lines, None if output.is_whole else {"continues": True}),), state

    def conclude(self, state: deque[str], exit_code: int | None) -> Conclusion:
        """The end of stdout; what the exit code means is for others to say."""
        del exit_code
        return Conclusion(result="\n".join(state)[-RESULT_CHARACTERS_MAX:].strip("\n") or None)
