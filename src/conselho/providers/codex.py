"""How is Codex CLI started? `codex exec --json`, the prompt on stdin.

What is surprising (0.169.0, each seen):
- What a rule of the user's allows - their terminal keeps there what was allowed "from now on" - runs outside the
  sandbox, in read-only mode as well. So rules are left out unless the mode is `full`.
- Where nobody may be asked, a tool of an MCP server is run if it says of itself that it only reads; in `full` each is.
- `resume` with a name that is no UUID begins a new thread, without a word.
- A resumed thread keeps the system prompt it began with. What is to be added to the CLI's own it takes from no file:
  `model_instructions_file` replaces that, and a profile must lie in the user's own CODEX_HOME. So `ps` shows it.
- When it starts it looks for plugins on the network, whatever is asked of it, and may leave the search behind when it
  ends. So there are none unless they are allowed.
- It is a program of node that starts another one and waits for it: killing the first leaves the second at work.
"""

import json
import uuid
from pathlib import PurePosixPath

from conselho import errors
from conselho.providers import arguments, codex_end, codex_lines
from conselho.providers.base import Conclusion, Invocation, Output, Program, Said, Task
from conselho.providers.codex_state import Reading
from conselho.providers.options import Options

SANDBOXES = {"plan": "read-only", "edit": "workspace-write", "full": "danger-full-access"}
# Nothing else can be taken away or added by name. What a shell command may do, the sandbox says.
DENIED = {
    "exec_command": "features.shell_tool=false",
    "goals": "features.goals=false",
    "multi_agent": "features.multi_agent=false",
    "view_image": "features.view_image=false",
    "web_search": 'web_search="disabled"',
}
ALLOWED = {
    "plugins": "features.plugins=true",
    "web_search": 'web_search="live"',  # else it sees what was indexed, and reaches no page itself
}
EXTRA_ARGS = {"--image": True, "-i": True, "--local-provider": True, "--oss": False, "--strict-config": False}
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp")  # what is shown to the model; all else its sandbox lets it read
_UNTRUSTED = '{trust_level = "untrusted"}'
ARGUMENT_BYTES_MAX = 128 * 1024 - 64  # of one argument, which Linux limits; the name of its setting aside


class Codex:
    """The provider of Codex CLI."""

    name = "codex"
    line_bytes_max = 32 * 1024 * 1024
    program: Program | None = Program(
        name="codex",
        install="install it with `npm install -g @openai/codex`",
        sign_in=codex_end.SIGN_IN,
        keys=("CODEX_API_KEY",),
        credentials=("~/.codex/auth.json", "$CODEX_HOME/auth.json"),
        hints=("~/.codex/config.toml", "$CODEX_HOME/config.toml"),
    )

    def invocation(self, task: Task) -> Invocation:
        """One turn without a terminal, in a new thread or in that of `task.session`."""
        prompt, options = _prompt(task), task.options
        _refuse(options)
        is_full = options.permission_mode == "full"
        # The user's own arguments come first: what takes several values would else take what is behind it.
        argv = ["codex", "exec", *arguments.allowed("Codex CLI", options.extra_args, EXTRA_ARGS)]
        argv += [f"--image={path}" for path in task.attachments if path.lower().endswith(IMAGES) and "," not in path]
        argv += ["--json", "--skip-git-repo-check", f"--cd={task.cwd}"]
        argv += [f"--sandbox={SANDBOXES[options.permission_mode]}", *([] if is_full else ["--ignore-rules"])]
        if not is_full:  # what a project may have started is trusted by who looks on
            argv += ["-c", _untrusted(task.cwd)]
        if task.tmpdir:  # in each place that commands may write its sandbox leaves an empty .git, .agents and .codex
            argv += ["-c", "sandbox_workspace_write.exclude_slash_tmp=true"]
        for setting in _settings(options):
            argv += ["-c", setting]
        if task.model is not None:
            argv.append(f"--model={task.model}")
        if task.session is not None:
            argv += ["resume", _thread(task.session)]
        notes = ("runs with all permissions: nothing is asked (full)",) if is_full else ()
        return Invocation(argv=(*argv, "-"), env=task.tmpdir, stdin=prompt, has_scratch=True, notes=notes)

    def begin(self) -> Reading:
        """Nothing was read yet."""
        return Reading()

    def read(self, output: Output, state: Reading) -> tuple[list[Said], Reading]:
        """One event is one or more lines; the beginning of a turn is none."""
        return codex_lines.read(output, state), state

    def conclude(self, state: Reading, exit_code: int | None) -> Conclusion:
        """How its turn ended; where it did not, nothing is known of it."""
        return codex_end.conclusion(state, exit_code)


def _prompt(task: Task) -> bytes:
    if task.argv:
        raise errors.Invalid("Codex CLI takes no argv: put its arguments into options.extra_args")
    if not (task.prompt or "").strip():
        raise errors.Invalid("Codex CLI needs a prompt")
    return (task.prompt or "").encode("utf-8")


def _thread(session: str) -> str:
    try:
        return str(uuid.UUID(session))
    except ValueError:
        raise errors.Invalid(f"{session[:50]!r} is no session of Codex CLI, whose names are UUIDs") from None


def _untrusted(cwd: str) -> str:
    """That no project there is trusted, nor one around it: each directory on the way has a configuration of its own.

    As one table: Codex takes `-c` apart at each dot, also within quotes, and a path may have some.
    """
    places = (cwd, *map(str, PurePosixPath(cwd).parents))
    return f"projects={{{', '.join(f'{_quoted(each)} = {_UNTRUSTED}' for each in places)}}}"


def _settings(options: Options) -> list[str]:
    """What is said by `-c`, whatever the user's own configuration says."""
    found = ['approval_policy="never"', "analytics.enabled=false", "features.plugins=false"]
    if options.system_prompt is not None:
        found.append(f"developer_instructions={_quoted(options.system_prompt)}")
    allowed = [_named("allowed_tools", tool, ALLOWED) for tool in options.allowed_tools]
    denied = [_named("denied_tools", tool, DENIED) for tool in options.denied_tools]
    return [*found, *allowed, *denied]  # the last word on a setting counts


def _named(field: str, tool: str, known: dict[str, str]) -> str:
    if tool not in known:
        raise errors.Invalid(
            f"options.{field}: Codex CLI knows only {', '.join(sorted(known))} there, and not {tool[:50]!r}: "
            "what its commands may do, options.permission_mode says"
        )
    return known[tool]


def _quoted(text: str) -> str:
    """The text as TOML has it: JSON's way, but for the one control character that JSON lets stand."""
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
    if len(quoted.encode("utf-8")) > ARGUMENT_BYTES_MAX:
        raise errors.Invalid("options.system_prompt is too long for Codex CLI once it is quoted: say it in the prompt")
    return quoted


def _refuse(options: Options) -> None:
    if options.max_turns is not None:
        raise errors.Invalid("options.max_turns: Codex CLI has no such limit: give the agent a timeout")
    if options.max_cost_usd is not None:
        raise errors.Invalid("options.max_cost_usd: Codex CLI does not know what it costs: give the agent a timeout")
    if options.mcp_config is not None:
        raise errors.Invalid(
            "options.mcp_config: Codex CLI takes no such file: add servers by `codex mcp add`, or give the agent a "
            "CODEX_HOME of its own in its environment, with a config.toml that names them"
        )
