"""How does a fresh clone get its environment? A venv, the hashed lock file, then the package itself.

Runs on the machine's own Python with nothing installed, so it uses the standard library only.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(venv: Path) -> int:
    """Make `venv` as the lock file says; returns the exit code."""
    if sys.version_info < (3, 11):
        found = sys.version.split()[0]
        return _refuse(f"Python 3.11 or newer is needed, this is {found}: try `make PYTHON=python3.11`")
    python = venv / "bin" / "python"
    if not python.exists() and not _make(venv):
        return _refuse("cannot make a virtual environment: install Python's venv module (python3-venv)")
    print("installing the locked packages ...", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock_file = ROOT / "requirements" / "dev.txt"
    lock = subprocess.run([*pip, "--require-hashes", "-r", str(lock_file)], check=False)
    if lock.returncode:
        return _refuse("the packages could not be installed: see pip's message, then run `make setup` again")
    subprocess.run([*pip, "--no-build-isolation", "--no-deps", "--editable", str(ROOT)], check=True)
    (venv / ".installed").touch()
    return 0


def _make(venv: Path) -> bool:
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False, stdout=subprocess.DEVNULL)
    return made.returncode == 0


def _refuse(sentence: str) -> int:
    print(f"setup: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
