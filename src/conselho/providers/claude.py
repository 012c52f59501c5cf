"""How is Claude Code run with nobody there to ask?

What a mode lets through was measured with the CLI itself, and not with its own plan mode: that one lets commands which
the user's settings allow write files, and tells the model to make a plan instead of an answer.

- `plan` and `edit` are `--restricted`: no settings, hooks or rules count, neither the project's, which nobody may have
  looked at, nor the user's, who meant them for when they look on. The project's CLAUDE.md is read all the same, as
  that of an added directory.
- `plan`: `dontAsk` with reading tools. Of commands the CLI then runs those of which it knows that they only read,
  inside the directory (`git log`, `grep`).
- `edit`: `acceptEdits`, which changes files inside the directory alone and neither its hooks nor its settings, and
  runs the project's usual checks.
- `full`: `bypassPermissions`, with all settings; as root the CLI asks for IS_SANDBOX as well.
"""

import posixpath
import re
from collections.abc import Sequence

from conselho import errors
from conselho.providers import arguments
from conselho.providers.base import Conclusion, Invocation, Output, Program, Said, Task
from conselho.providers.checks import CHECKS
from conselho.providers.claude_end import conclusion
from conselho.providers.claude_lines import read
from conselho.providers.claude_state import State
from conselho.providers.options import Options

PROGRAM = Program(
    name="claude",
    install="install it with `npm install -g @anthropic-ai/claude-code`",
    sign_in="run `claude` in a terminal there and sign in with /login, or set ANTHROPIC_API_KEY for the agent",
    keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    credentials=("$CLAUDE_CONFIG_DIR/.credentials.json", "~/.claude/.credentials.json"),
    hints=("$CLAUDE_CONFIG_DIR/settings.json", "~/.claude/settings.json"),
)

# What only reads, and what keeps a list of its own work.
READING_TOOLS = (
    "Bash", "Read", "Glob", "Grep", "Task", "TaskCreate", "TaskGet", "TaskList", "TaskUpdate", "TaskStop", "Skill",
)  # fmt: skip
EDITING_TOOLS = ("Edit", "Write", "NotebookEdit", "Monitor")
# Nobody answers questions, and what is to be done later is a councilor's affair: the run would not end until then.
NEVER = ("AskUserQuestion", "CronCreate", "ScheduleWakeup")
# With anything behind them; the CLI itself takes a line of several commands apart, and looks at each. What only reads
# in the directory, as `git diff` does, it runs without a rule.
RULES_OF_CHECKS = tuple(f"Bash({check}{rest})" for check in CHECKS for rest in ("", " *"))

EXTRA_ARGUMENTS = {
    "--autocompact": True,
    "--betas": True,
    "--disable-slash-commands": False,
    "--effort": True,
    "--exclude-dynamic-system-prompt-sections": False,
    "--fallback-model": True,
    "--safe-mode": False,
}

SYSTEM_PROMPT_FILE = "system-prompt.txt"
QUIET = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # Ten by itself, with waits that double: a refused key took it three minutes, and takes half a minute so.
    "CLAUDE_CODE_MAX_RETRIES": "6",
}

_TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.*-]*(\(.+\))?")


class Claude:
    """The provider of Claude Code."""

    name = "claude"
    line_bytes_max = 32 * 1024 * 1024
    program: Program | None = PROGRAM

    def invocation(self, task: Task) -> Invocation:
        """The CLI in print mode, its prompt on stdin. Raises: errors.Invalid."""
        if task.argv:
            raise errors.Invalid("claude takes no argv: say what it is to do in the prompt, and how in options")
        if not task.prompt or not task.prompt.strip():
            raise errors.Invalid("claude needs a prompt: say what it is to do")
        options, env, files = task.options, QUIET | task.tmpdir, {}
        argv = ["claude", "-p", "--output-format=stream-json", "--verbose", "--strict-mcp-config"]
        argv += ["--permission-prompts=none", *_mode(options, task.cwd)]
        is_full = options.permission_mode == "full"
        env |= {"IS_SANDBOX": "1"} if is_full else {"CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1"}
        for place in task.attached_in:  # only to be read; its last part is an id, and no pattern
            argv += [f"--add-dir={place}", f"--disallowedTools=Edit(//**/{posixpath.basename(place)}/**)"]
        argv += [f"--allowedTools={rule}" for rule in _rules("allowed_tools", options.allowed_tools)]
        argv += [f"--disallowedTools={rule}" for rule in _rules("denied_tools", options.denied_tools)]
        argv += _limits(options)
        if options.system_prompt is not None:
            files[SYSTEM_PROMPT_FILE] = options.system_prompt
            argv.append(f"--append-system-prompt-file={task.folder}/{SYSTEM_PROMPT_FILE}")
        argv += [] if task.model is None else [f"--model={task.model}"]
        argv += arguments.allowed("claude", options.extra_args, EXTRA_ARGUMENTS)
        if task.session is not None:
            argv.append(f"--resume={task.session}")
        elif task.new_session:
            argv.append(f"--session-id={task.new_session}")
        notes = ("runs with all permissions: nothing is asked (full)",) if is_full else ()
        stdin = task.prompt.encode("utf-8")
        needed = () if options.mcp_config is None else (options.mcp_config,)  # else it ends, and says it to nobody
        return Invocation(
            argv=tuple(argv), env=env, stdin=stdin, files=files, has_scratch=True, notes=notes, needed=needed
        )

    def begin(self) -> State:
        """Nothing was said yet."""
        return State()

    def read(self, output: Output, state: State) -> tuple[Sequence[Said], State]:
        """One line is one event, and becomes the lines that it speaks of."""
        return read(output, state), state

    def conclude(self, state: State, exit_code: int | None) -> Conclusion:
        """What its last `result` says, and what happened on the way."""
        return conclusion(state, exit_code, PROGRAM)


def _mode(options: Options, cwd: str) -> list[str]:
    never = f"--disallowedTools={','.join(NEVER)}"
    if options.permission_mode == "full":
        return ["--permission-mode=bypassPermissions", never]
    edits = options.permission_mode == "edit"
    allowed = (rule.partition("(")[0] for rule in options.allowed_tools)
    named = (name for name in allowed if not name.startswith("mcp__"))  # the list is of the CLI's own tools
    tools = ",".join(dict.fromkeys((*READING_TOOLS, *(EDITING_TOOLS if edits else ()), *named)))
    words = ["--restricted", f"--add-dir={cwd}", f"--tools={tools}", never]
    words.append(f"--permission-mode={'acceptEdits' if edits else 'dontAsk'}")
    return [*words, *(f"--allowedTools={rule}" for rule in RULES_OF_CHECKS if edits)]


def _rules(field: str, rules: Sequence[str]) -> Sequence[str]:
    for rule in rules:
        if not _TOOL.fullmatch(rule) or rule.count("(") != rule.count(")"):
            raise errors.Invalid(f"options.{field}: {rule[:50]!r} is no tool of claude: write Name, or Name(pattern)")
    return rules


def _limits(options: Options) -> list[str]:
    turns, cost = options.max_turns, options.max_cost_usd
    return [
        *([] if turns is None else [f"--max-turns={turns}"]),
        *([] if cost is None else [f"--max-budget-usd={cost:f}"]),
        *([] if options.mcp_config is None else [f"--mcp-config={options.mcp_config}"]),
    ]
