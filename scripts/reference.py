"""Which pages are written by the program itself? The reference: `make reference` writes it again, a test compares."""

from pathlib import Path

from conselho.server import app, contract

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def main() -> None:
    """Write every page that is made."""
    (REFERENCE / "openapi.json").write_text(contract.text(app.document()), encoding="utf-8")


if __name__ == "__main__":
    main()
