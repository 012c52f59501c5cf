"""How is Gemini CLI started, and how is its stream read? `gemini --output-format=stream-json`, the prompt on stdin.

What is surprising (0.61.0, each seen):
- Without a policy of ours both `plan` and `edit` would be `full`: unattended, the model's `exit_plan_mode` is approved
  at once and switches to yolo. `gemini_policy.py` says what may be used instead, and nothing else may.
- It takes settings from a file of ours (`GEMINI_CLI_SYSTEM_SETTINGS_PATH`) only where root owns the file and every
  folder above it, and else goes on without them. So what it has no flag for is refused here, and not half kept.
- `--skip-trust` is heeded only after the settings were read, and that is well: those of the project - hooks, MCP
  servers, programs that discover tools - are left out, unless its user trusts the folder. The project's `.env` is read.
- A policy that cannot be read is passed over in silence; the flag splits its value at commas.
- `@path` in a prompt adds a file of the directory that is called so, or nearly so, and `/name` at its beginning runs
  that command of the CLI, as they do for a person. Nothing turns that off; the log says it.
"""

import re
from collections.abc import Iterator

from conselho import errors
from conselho.providers import arguments, gemini_end, gemini_policy
from conselho.providers.base import Conclusion, Invocation, Output, Program, Said, Task
from conselho.providers.gemini_lines import Reading, read
from conselho.providers.options import Options

MODES = {"plan": "plan", "edit": "auto_edit", "full": "yolo"}
POLICY = "policy.toml"
# Read as instructions beside the project's own: the first by default, the second where the user's settings say so.
INSTRUCTIONS = ("GEMINI.md", "AGENTS.md")
PROMPT_BYTES_MAX = 8 * 1024 * 1024  # what follows on stdin is left unread, without a word
EXTRA_ARGS = {"--debug": False, "--extensions": True, "-e": True}
_FILE = re.compile(r"(?<!\\)@[^ \t\n\r,;!?()\[\]{}.]")  # the beginning of what the CLI takes for one
ENV = {
    # What is said here a project's own `.env` cannot say: where the prompt and the key go, and what the model is told.
    **dict.fromkeys(
        (
            "GOOGLE_GEMINI_BASE_URL",
            "GOOGLE_VERTEX_BASE_URL",
            "CODE_ASSIST_ENDPOINT",
            "GEMINI_SYSTEM_MD",
            "GEMINI_WRITE_SYSTEM_MD",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ),
        "",
    ),
    "NODE_TLS_REJECT_UNAUTHORIZED": "1",
    "COLORTERM": "truecolor",  # else it complains of the terminal, in which nobody looks
    "GEMINI_CLI_NO_RELAUNCH": "true",  # one process, and not a parent that is deaf to signals and its child
    "GEMINI_TELEMETRY_ENABLED": "false",
    "NO_COLOR": "1",
}


class Gemini:
    """The provider of Gemini CLI."""

    name = "gemini"
    line_bytes_max = 32 * 1024 * 1024
    program: Program | None = Program(
        name="gemini",
        install="install it with `npm install -g @google/gemini-cli`",
        sign_in=gemini_end.SIGN_IN,
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
        credentials=(
            "~/.gemini/oauth_creds.json",
            "~/.gemini/gemini-credentials.json",
            "$GEMINI_CLI_HOME/.gemini/oauth_creds.json",
        ),
        hints=("~/.gemini/.env", "~/.env", "~/.gemini/settings.json"),
    )

    def invocation(self, task: Task) -> Invocation:
        """One run without a terminal; the policy of its mode lies in `task.folder`."""
        prompt = _prompt(task)
        options = task.options
        _refuse(options)
        argv = [
            "gemini", "--prompt=", "--output-format=stream-json", "--skip-trust",
            f"--approval-mode={MODES[options.permission_mode]}", f"--policy={_path(task, POLICY)}",
        ]  # fmt: skip
        if task.model is not None:
            argv.append(f"--model={task.model}")
        if task.session is not None:
            argv.append(f"--resume={task.session}")
        elif task.new_session:
            argv.append(f"--session-id={task.new_session}")
        argv += [f"--include-directories={place}" for place in task.attached_in]
        files = {POLICY: gemini_policy.of(options, task.attached_in)}
        if options.system_prompt is not None:
            argv.append(f"--include-directories={task.folder}")
            files |= dict.fromkeys(INSTRUCTIONS, options.system_prompt)
        argv += arguments.allowed("Gemini CLI", options.extra_args, EXTRA_ARGS)
        notes = tuple(_notes(task))
        env = ENV | task.tmpdir  # where it leaves reports of what went wrong, with the whole conversation
        return Invocation(argv=tuple(argv), env=env, stdin=prompt, files=files, has_scratch=True, notes=notes)

    def begin(self) -> Reading:
        """Nothing was read yet."""
        return Reading()

    def read(self, output: Output, state: Reading) -> tuple[list[Said], Reading]:
        """One event is one or more lines; what the assistant says comes in portions, and is cut at its newlines."""
        return read(output, state), state

    def conclude(self, state: Reading, exit_code: int | None) -> Conclusion:
        """What its `result` says, else its exit code."""
        return gemini_end.conclusion(state, exit_code)


def _prompt(task: Task) -> bytes:
    if task.argv:
        raise errors.Invalid("Gemini CLI takes no argv: put its arguments into options.extra_args")
    prompt = (task.prompt or "").encode("utf-8")
    if not prompt.strip():
        raise errors.Invalid("Gemini CLI needs a prompt")
    if len(prompt) > PROMPT_BYTES_MAX:
        raise errors.Invalid("Gemini CLI reads 8 MiB of a prompt: put the rest into a file, and name it in the prompt")
    return prompt


def _notes(task: Task) -> Iterator[str]:
    if task.options.permission_mode == "full":
        yield "runs with all permissions: nothing is asked (full)"
    prompt = task.prompt or ""
    if prompt.startswith("/") and not prompt.startswith(("//", "/*")):
        yield "its prompt begins with /: Gemini CLI takes it for a command, if it has one of that name"
    if _FILE.search(prompt):
        yield "its prompt has an @: Gemini CLI adds a file that is called like what is behind it, if it finds one"


def _path(task: Task, name: str) -> str:
    if "," in task.folder:
        raise errors.Invalid("Gemini CLI takes no path with a comma: choose a data directory without one")
    return f"{task.folder}/{name}"


def _refuse(options: Options) -> None:
    if options.max_turns is not None:
        raise errors.Invalid(
            "options.max_turns: Gemini CLI has no flag for it: set model.maxSessionTurns in ~/.gemini/settings.json, "
            "or give the agent a timeout"
        )
    if options.max_cost_usd is not None:
        raise errors.Invalid("options.max_cost_usd: Gemini CLI does not know what it costs: give the agent a timeout")
    if options.mcp_config is not None:
        raise errors.Invalid(
            "options.mcp_config: Gemini CLI has no flag for it: add servers by `gemini mcp add --scope user`, "
            "and their tools to options.allowed_tools"
        )
