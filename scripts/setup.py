"""How does a fresh clone get its environment? A venv, the hashed lock file, then the package itself.

Runs on the machine's own Python with nothing installed, so it uses the standard library only.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK_FILE = ROOT / "requirements" / "dev.txt"


def main(venv: Path) -> int:
    """Make `venv` as the lock file says; returns the exit code."""
    install = pip(venv)
    if install is None:
        return 1
    print("installing the locked packages ...", flush=True)
    lock = subprocess.run([*install, "--require-hashes", "-r", str(LOCK_FILE)], check=False)
    if lock.returncode:
        return refuse("the packages could not be installed: see pip's message, then run `make setup` again")
    subprocess.run([*install, "--no-build-isolation", "--no-deps", "--editable", str(ROOT)], check=True)
    (venv / ".installed").touch()
    return 0


def pip(venv: Path) -> list[str] | None:
    """How packages are installed into `venv`, which is made if need be; None, and a sentence, where it cannot be."""
    if sys.version_info < (3, 11):
        found = sys.version.split()[0]
        refuse(f"Python 3.11 or newer is needed, this is {found}: try `make PYTHON=python3.11`")
        return None
    python = venv / "bin" / "python"
    if not python.exists() and not _make(venv):
        refuse("cannot make a virtual environment: install Python's venv module (python3-venv)")
        return None
    return [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def refuse(sentence: str) -> int:
    """Say what is wrong; returns the exit code."""
    print(f"{Path(sys.argv[0]).stem}: {sentence}", file=sys.stderr)
    return 1


def _make(venv: Path) -> bool:
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False, stdout=subprocess.DEVNULL)
    return made.returncode == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
