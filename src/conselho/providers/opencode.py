"""How is OpenCode run? `opencode run --format json`, its prompt on stdin, its leave to do things from a configuration.

- Nothing in argv or the environment holds the prompt: it is read from stdin to the last byte.
- Permissions are given to an agent of our own, which no configuration of the user's is likely to have; the same rules
  stand in `OPENCODE_PERMISSION`, so that sub-agents have them too, and OpenCode's own agent if ours were not found.
- Except with `full`, the project's own configuration of OpenCode is not read: its tools and MCP servers are programs
  that would run whatever the rules say. Its AGENTS.md is. But its plugins are loaded even so (1.18.33), which runs
  what stands outside their functions: no variable, no `--pure` and no other directory to start in prevents that. So a
  project that has any is refused (`TRAPS`). The user's own configuration always holds: it has the models. An agent
  whose environment says `OPENCODE_DISABLE_PROJECT_CONFIG=0` trusts the rest of its project's.
- What goes wrong is also logged to stderr: requests that are tried again, models there are none of and MCP servers that
  do not start are told nowhere else.
- With a title of our own no model is asked for one: that would cost, and be counted nowhere.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from conselho import errors
from conselho.providers import arguments, opencode_end, opencode_faults, opencode_lines, opencode_rules
from conselho.providers.base import Conclusion, Invocation, Output, Program, Said, Task, Trap

AGENT = "conselho"  # the name of the agent whose rules are ours
TITLE = "Conselho"  # of the sessions
INSTRUCTIONS = "instructions.md"
QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
}
_UNTRUSTED = "{0} is code that OpenCode runs in every mode: remove it, or trust the project with the mode full"
_NAMING = (
    "{0} may name plugins, whose code OpenCode runs in every mode: take them out, "
    "or trust the project with the mode full"
)
# `\\u` may spell any word in JSON. A file is taken for one that names plugins rather than read as OpenCode reads it.
_PLUGIN = re.compile(rb"plugin|\\u")
TRAPS = (
    *(
        Trap(pattern=f".opencode/{folder}/*.{ending}", sentence=_UNTRUSTED)
        for folder in ("plugin", "plugins")
        for ending in ("js", "ts")
    ),
    *(
        Trap(pattern=f"{folder}opencode.{ending}", sentence=_NAMING, words=_PLUGIN)
        for folder in ("", ".opencode/")
        for ending in ("json", "jsonc")
    ),
)
EXTRA_ARGUMENTS = {"--variant": True, "--pure": False}
_MODEL = re.compile(r"[^\s/]+/\S+")


class OpenCode:
    """The provider of OpenCode."""

    name = "opencode"
    line_bytes_max = 32 * 1024 * 1024
    program: Program | None = Program(
        name="opencode",
        install="install it with `npm install -g opencode-ai`",
        sign_in=opencode_faults.SIGN_IN,
        keys=(
            "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY",
            "OPENROUTER_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "XAI_API_KEY", "DEEPSEEK_API_KEY",
            "OPENCODE_API_KEY",
        ),
        credentials=("$XDG_DATA_HOME/opencode/auth.json", "~/.local/share/opencode/auth.json"),
        hints=("~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc"),
    )  # fmt: skip

    def invocation(self, task: Task) -> Invocation:
        """One message to a session, new or continued. Raises: errors.Invalid for what OpenCode cannot do."""
        _check(task)
        options = task.options
        # An option given twice would be a list, and OpenCode breaks on it: none of these can be an extra argument.
        argv = ["opencode", "run", "--format=json", "--thinking", "--print-logs", "--log-level=WARN"]
        argv += [f"--title={TITLE}", f"--agent={AGENT}", f"--dir={task.cwd}"]
        argv += [] if task.model is None else [f"--model={task.model}"]
        argv += [] if task.session is None else [f"--session={task.session}"]
        argv += ["--auto"] if options.permission_mode == "full" else []
        argv += arguments.allowed("OpenCode", options.extra_args, EXTRA_ARGUMENTS)
        rules = opencode_rules.of(options, task.attached_in)
        # Its own library, of 5 MB, it unpacks anew for each run, and leaves there.
        env = QUIET | {"BUN_TMPDIR": task.scratch} | task.tmpdir if task.scratch else dict(QUIET)
        if options.permission_mode != "full":
            env["OPENCODE_DISABLE_PROJECT_CONFIG"] = "1"
        if options.mcp_config is not None:
            env["OPENCODE_CONFIG"] = options.mcp_config  # read beside the user's own; what we say here comes after it
        return Invocation(
            argv=tuple(argv),
            env=env,
            fixed={"OPENCODE_CONFIG_CONTENT": _configuration(task, rules), "OPENCODE_PERMISSION": json.dumps(rules)},
            stdin=(task.prompt or "").encode("utf-8"),
            files={} if options.system_prompt is None else {INSTRUCTIONS: options.system_prompt},
            has_scratch=True,
            notes=_notes(task),
            traps=() if options.permission_mode == "full" else TRAPS,
        )

    def begin(self) -> opencode_lines.State:
        """Nothing was read."""
        return opencode_lines.State()

    def read(self, output: Output, state: opencode_lines.State) -> tuple[Sequence[Said], opencode_lines.State]:
        """Lines of events from stdout, of errors and refusals from stderr."""
        return opencode_lines.read(output, state), state

    def conclude(self, state: opencode_lines.State, exit_code: int | None) -> Conclusion:
        """A success where the last step ended by itself and no error was told."""
        del exit_code  # 0 also where permissions were refused; 1 where an error was told, which is known then
        return opencode_end.conclusion(state)


def _check(task: Task) -> None:
    if task.argv:
        raise errors.Invalid("opencode takes no argv: say it in the prompt, or in options.extra_args")
    if not (task.prompt or "").strip():
        raise errors.Invalid("opencode needs a prompt that says what to do")
    if task.model is not None and (task.model.startswith("-") or not _MODEL.fullmatch(task.model)):
        raise errors.Invalid("OpenCode names a model PROVIDER/MODEL: `opencode models` lists them")
    if task.session is not None and not opencode_lines.SESSION.fullmatch(task.session):
        raise errors.Invalid("this is no session of OpenCode: begin a new one")
    if task.options.max_cost_usd is not None:
        raise errors.Invalid("OpenCode knows no limit of cost: leave out max_cost_usd, and set a timeout")


def _configuration(task: Task, rules: dict[str, Any]) -> str:
    options = task.options
    agent: dict[str, Any] = {"mode": "primary", "description": "Runs unattended for Conselho", "permission": rules}
    if options.max_turns is not None:
        agent["steps"] = options.max_turns
    instructions = [] if options.permission_mode == "full" else [f"{task.cwd.rstrip('/')}/AGENTS.md"]
    if options.system_prompt is not None:
        instructions.append(f"{task.folder}/{INSTRUCTIONS}")
    whole = json.dumps({
        "autoupdate": False, "share": "disabled", "agent": {AGENT: agent}, "instructions": instructions,
    })  # fmt: skip
    # OpenCode fills in {env:NAME} and {file:PATH} anywhere in this text before it reads it as JSON.
    plain = whole.replace("{env:", r"\u007benv:").replace("{file:", r"\u007bfile:")
    if options.mcp_config is None:
        return plain
    # A configuration that is not there it would pass over in silence; what it is told to fill in must be there.
    return f'{{"$schema": "{{file:{options.mcp_config}}}", {plain[1:]}'


def _notes(task: Task) -> tuple[str, ...]:
    notes = []
    if task.options.permission_mode == "full":
        notes.append("runs with all permissions: nothing is asked (full)")
    if task.options.max_turns is not None:
        turns = task.options.max_turns
        notes.append(f"after {turns} turns OpenCode tells its model to come to an end; it cannot force it (max_turns)")
    return tuple(notes)
