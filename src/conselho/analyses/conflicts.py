"""Where was a merge conflict left in a file?

Only the whole figure counts - a line that opens, one that divides, one that closes, in this order: seven
equals signs alone underline a heading. In Markdown, what stands in a fence is an example.
"""

import re

_OPENS = b"<<<<<<<"
_MARK = re.compile(rb"(?:(<<<<<<<)|(\|\|\|\|\|\|\|)|(=======)|(>>>>>>>))(?: .*)?\r?")
_FENCE = re.compile(rb" {0,3}(```+|~~~+)")
_START, _BASE, _MIDDLE, _END = 1, 2, 3, 4


def conflict_lines(data: bytes, *, fenced: bool) -> list[int]:
    """The line each conflict opens on. `fenced`: the file is Markdown."""
    if _OPENS not in data:
        return []
    found = []
    opened, divided, fence = 0, False, b""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if fenced and (match := _FENCE.match(line)):
            fence = b"" if fence and match[1].startswith(fence) else fence or match[1][:3]
        match = None if fence else _MARK.fullmatch(line)
        if match is None:
            continue
        if match.lastindex == _START:
            opened, divided = number, False
        elif match.lastindex == _MIDDLE:
            divided = bool(opened)
        elif match.lastindex == _END and divided:
            found.append(opened)
            opened, divided = 0, False
    return found
