"""Do the tests pass on the newest releases within the bounds of pyproject.toml?

Who installs the package gets those, not the locked ones. So they are installed into an environment of their own, each
time anew as far as something newer is there, and the tests run in it. What differs from the lock file is told first.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import setup

_PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,.-]+\])?==([^\s;\\]+)", re.MULTILINE)


def main(venv: Path, arguments: list[str]) -> int:
    """Install into `venv`, tell what differs, run pytest with `arguments`; returns its exit code."""
    install = setup.pip(venv)
    if install is None:
        return 1
    print("installing the newest packages ...", flush=True)
    newest = ["--upgrade", "--upgrade-strategy", "eager", "--editable", f"{setup.ROOT}[dev]"]
    if subprocess.run([*install, *newest], check=False).returncode:
        return setup.refuse("no releases fit together within the bounds of pyproject.toml: see pip's message")
    python = str(venv / "bin" / "python")
    print("\n".join(differences(locked(), installed(python))), flush=True)
    return subprocess.run([python, str(setup.ROOT / "scripts" / "test.py"), *arguments], check=False).returncode


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """How many packages are not as they were locked, and a line for each."""
    lines = [
        f"  {name}: {before.get(name, 'not locked')} -> {version}"
        for name, version in sorted(now.items())
        if version != before.get(name)
    ]
    return [f"{len(lines)} of {len(now)} packages differ from the locked ones", *lines]


def locked() -> dict[str, str]:
    """Each package's version in the lock file."""
    return {_normal(name): version for name, version in _PINNED.findall(setup.LOCK_FILE.read_text(encoding="utf-8"))}


def installed(python: str) -> dict[str, str]:
    """Each package's version in an environment, without what stands in any."""
    listed = [python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check", "--exclude-editable"]
    found = json.loads(subprocess.run(listed, check=True, capture_output=True, text=True).stdout)
    return {_normal(each["name"]): each["version"] for each in found if each["name"] not in {"pip", "setuptools"}}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
