"""What may Gemini CLI use in each mode? A policy in TOML, which decides above the user's and the project's settings.

The user's own policies are not read beside it: what somebody allowed for ever while they watched is not allowed when
nobody does. An administrator's (/etc/gemini-cli/policies) stay above. `full` has only what the agent denies. To .git
and .gemini in the directory its tools do not write, of the CLI's own accord. A rule whose pattern looks slow to the
engine, one with a quantifier behind a group that has one, is left out with no more than a line on stderr.

Source: the policy engine's reference, docs/reference/policy-engine.md of the CLI.
"""

import json
import posixpath
import re
from collections.abc import Sequence

from conselho import errors
from conselho.providers.checks import CHECKS, LOOKS
from conselho.providers.options import Options

SHELL = "run_shell_command"
READING = (
    "glob", "grep_search", "list_directory", "read_file", "read_many_files", "google_web_search", "read_mcp_resource",
    "list_mcp_resources", "get_internal_docs", "codebase_investigator", "cli_help", "update_topic", "complete_task",
    "write_todos", "tracker_create_task", "tracker_update_task", "tracker_get_task", "tracker_list_tasks",
    "tracker_add_dependency", "tracker_visualize",
)  # fmt: skip
WRITING = ("replace", "write_file")
EDITING = (*WRITING, "web_fetch", "activate_skill", "invoke_agent")
# Tools that an agent names: `name`, a wildcard of MCP's, or `run_shell_command(words)`.
_TOOL = re.compile(r"([A-Za-z0-9_.:-]+\*?|mcp_\*_[A-Za-z0-9_.:-]+)(?:\(([^()]*)\))?")
# The order of rules, highest first. A settings file's `tools.allowed` has 300, which is below the end of a mode.
_NEVER, _DENIED, _ALLOWED, _MODE, _END = 999, 900, 800, 500, 450


def of(options: Options, read_only: Sequence[str] = ()) -> str:
    """The policy of such options, under which nothing is written to the directories `read_only`.

    Raises: errors.Invalid for a tool that is written as none.
    """
    rules = [_rule(tool, "deny", _DENIED) for tool in options.denied_tools]
    if options.permission_mode == "full":
        return "\n".join(rules)
    # Its approval, which nobody is asked for, would allow everything.
    rules.insert(0, _lines("deny", _NEVER, toolName=("enter_plan_mode", "exit_plan_mode")))
    for place in read_only:  # by its last part, as paths may be written in several ways
        named = f'"file_path":"[^"]*{re.escape(posixpath.basename(place))}/'
        rules.append(_lines("deny", _NEVER, toolName=WRITING, argsPattern=named))
    rules += [_rule(tool, "allow", _ALLOWED) for tool in options.allowed_tools]
    if options.permission_mode == "edit":
        rules.append(_lines("allow", _MODE, toolName=READING + EDITING))
        rules.append(_lines("allow", _MODE, toolName=SHELL, commandPrefix=CHECKS + LOOKS))
    else:
        rules.append(_lines("allow", _MODE, toolName=READING))
        named = r'"agent_name":\s*"(codebase_investigator|cli_help)"'
        rules.append(_lines("allow", _MODE, toolName="invoke_agent", argsPattern=named))
    rules.append(_lines("deny", _END, toolName="*"))
    return "\n".join(rules)


def _rule(tool: str, decision: str, priority: int) -> str:
    found = _TOOL.fullmatch(tool)
    name, words = found.groups() if found else ("", None)
    if not name or (words is not None and (name != SHELL or not words.strip())):
        raise errors.Invalid(
            f"options: {tool[:50]!r} is no tool of Gemini CLI: write its name, mcp_SERVER_*, or {SHELL}(first words)"
        )
    if words is None:
        return _lines(decision, priority, toolName=name)
    return _lines(decision, priority, toolName=name, commandPrefix=words.strip().removesuffix("*").rstrip(": "))


def _lines(decision: str, priority: int, **conditions: str | tuple[str, ...]) -> str:
    # A text of JSON is one of TOML, as long as no character is written as two halves.
    told = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in conditions.items()]
    return "\n".join(["[[rule]]", *told, f'decision = "{decision}"', f"priority = {priority}", ""])
