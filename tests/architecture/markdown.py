"""What is in a page of the documentation? Just enough of Markdown: fenced blocks, inline code, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PLACES = ("*.md", "docs/*.md", "docs/*/*.md")

_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> Iterator[str]:
        """The fenced blocks of these languages, or of all."""
        for found in _FENCE.finditer(self.text):
            if not languages or found[1] in languages:
                yield found[2]

    def prose(self) -> str:
        """What stands outside fenced blocks."""
        return _FENCE.sub("", self.text)

    def code(self) -> list[str]:
        """The pieces of inline code."""
        return _CODE.findall(self.prose())

    def links(self) -> list[str]:
        """Where its links lead."""
        return _LINK.findall(self.prose())

    def anchors(self) -> set[str]:
        """What a link may name after `#`: headings in lower case, with hyphens, without punctuation."""
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(self.prose())}


def pages() -> list[Page]:
    """Every page a reader of the repository may open."""
    return [Page(path) for place in _PLACES for path in sorted(ROOT.glob(place))]
