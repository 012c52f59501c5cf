"""What may OpenCode do in each mode? Its permission rules: for each tool, which patterns are allowed and which denied.

The last rule that fits decides, so what is broad stands first, and what an agent denies stands last. Nothing is ever
`ask`: nobody is there, OpenCode would refuse it and end the run, while of a denial the model is told and goes on.
Source: https://opencode.ai/docs/permissions/, and the CLI itself for what it does with denials.
"""

import posixpath
import re
from collections.abc import Iterable
from typing import Any

from conselho import errors
from conselho.providers.checks import CHECKS, LOOKS
from conselho.providers.options import Options

Rules = dict[str, dict[str, str]]
EVERYTHING = "*"

# What a tool asks leave for, where that is not its own name.
_PERMISSIONS = {"write": "edit", "patch": "edit", "apply_patch": "edit", "multiedit": "edit"}
_FLAT = {"todowrite", "question", "webfetch", "websearch", "doom_loop"}  # of these OpenCode takes no patterns
_KNOWN = _FLAT | {"read", "edit", "glob", "grep", "list", "bash", "task", "external_directory", "lsp", "skill"}
_TOOL = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]*\*?)(?:\((?P<pattern>.+)\))?")

# Keys and passwords are no business of a model: what reads them must be allowed by name.
_READ = {EVERYTHING: "allow", "*.env": "deny", "*.env.*": "deny", "*.env.example": "allow"}
# Hooks, plugins and what names them: they would run another time, outside all of this.
_RUN_ELSEWHERE = (".git/*", "*/.git/*", ".opencode/*", "*/.opencode/*", "opencode.json*", "*/opencode.json*")
_LOOK = ("glob", "grep", "list", "lsp", "todowrite", "skill")


def of(options: Options, read_only: Iterable[str] = ()) -> dict[str, Any]:
    """The rules as OpenCode's configuration has them. `read_only`: directories outside that may be read.

    Raises: errors.Invalid naming a tool there is none of.
    """
    rules = _of_mode(options.permission_mode)
    for place in read_only if rules else ():
        rules.setdefault("external_directory", {EVERYTHING: "deny"})[f"{place}/*"] = "allow"
        if "edit" in rules:
            rules["edit"][f"*{posixpath.basename(place)}/*"] = "deny"
    for name, pattern in _tools("allowed_tools", options.allowed_tools):
        _set(rules, name, pattern, "allow")
    for name, pattern in _tools("denied_tools", options.denied_tools):
        _set(rules, name, pattern, "deny")
    return {
        name: patterns[EVERYTHING] if set(patterns) == {EVERYTHING} else patterns for name, patterns in rules.items()
    }


def _of_mode(mode: str) -> Rules:
    if mode == "full":
        return {}  # what its user's own configuration denies stays denied; all that would be asked for is allowed
    rules: Rules = {EVERYTHING: {EVERYTHING: "deny"}, "read": dict(_READ)}
    rules |= {name: {EVERYTHING: "allow"} for name in _LOOK}
    if mode == "edit":
        rules["edit"] = {EVERYTHING: "allow"} | dict.fromkeys(_RUN_ELSEWHERE, "deny")
        # Every command of a line is looked at; `ls *` is also `ls` alone.
        rules["bash"] = {EVERYTHING: "deny"} | {f"{check} *": "allow" for check in CHECKS + LOOKS}
    return rules


def _tools(field: str, tools: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each tool as the permission it asks for, and the pattern of what it is used on."""
    for tool in tools:
        match = _TOOL.fullmatch(tool)
        name = "" if match is None else _PERMISSIONS.get(match["name"], match["name"])
        pattern = EVERYTHING if match is None else match["pattern"] or EVERYTHING
        if name not in _KNOWN and "_" not in name:
            known = ", ".join(sorted(_KNOWN))
            raise errors.Invalid(
                f"options.{field}: OpenCode has no tool {tool[:50]!r}: known are {known}, each also as in"
                " bash(git push *), and SERVER_TOOL or SERVER_* of an MCP server"
            )
        if name in _FLAT and pattern != EVERYTHING:
            raise errors.Invalid(f"options.{field}: of {name} OpenCode takes no pattern: allow or deny all of it")
        yield name, pattern


def _set(rules: Rules, name: str, pattern: str, action: str) -> None:
    """Let one rule decide over all that stand already: its tool moves to the end, and its pattern there too."""
    old = {} if pattern == EVERYTHING else rules.get(name, {})
    rules.pop(name, None)
    rules[name] = {each: value for each, value in old.items() if each != pattern} | {pattern: action}
