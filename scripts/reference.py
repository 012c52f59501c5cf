"""Which pages are written by the program itself? The reference: `make reference` writes it again, a test compares.

They are the same on every machine and in every environment: nothing of either stands in them.
"""

import sys
from pathlib import Path

import commands_page
import settings_page

from conselho.server import app, contract

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main(directory: Path) -> None:
    """Write every page that is made."""
    pages = {
        "commands.md": commands_page.text(),
        "openapi.json": contract.text(app.document()),
        "settings.md": settings_page.text(),
    }
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else REFERENCE)
