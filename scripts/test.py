"""How are all tests run on a machine that may lack a PostgreSQL, a browser or the agent CLIs?

Installs Debian's `postgresql` and `chromium` where it may (root, with apt) and none is there; the tests then start a
private server from the one and show pages in the other. The agent CLIs come from npm, as tests/agent_clis pins them,
and are driven in network namespaces, for which `util-linux` has the programs. Where it may not, what needs them is
named as skipped - unless skips are forbidden (`CONSELHO_TEST_NO_SKIPS=1`), as they are for a release.
"""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AGENT_CLIS = ROOT / "tests" / "agent_clis"
WORKERS_MAX = 8  # each has databases of its own on one server of a hundred connections


def main(arguments: list[str]) -> int:
    """Run pytest with `arguments`; returns its exit code."""
    if not _has_postgresql():
        _install("postgresql")
    for program in ("git", "curl", "chromium"):
        if shutil.which(program) is None:
            _install(program)
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        _install("util-linux")
    _install_agent_clis()
    workers = str(min(os.cpu_count() or 1, WORKERS_MAX))
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "worksteal", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _has_postgresql() -> bool:
    if os.environ.get("CONSELHO_TEST_POSTGRES_URL") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return True
    if shutil.which("initdb"):
        return True
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", 5432)) == 0


def _install_agent_clis() -> None:
    """What is pinned, once: the lock file that was installed from is kept beside it."""
    locked = (AGENT_CLIS / "package-lock.json").read_bytes()
    installed = AGENT_CLIS / "node_modules" / ".installed-from"
    if installed.exists() and installed.read_bytes() == locked:
        return
    if shutil.which("npm") is None:
        _install("npm")
    if shutil.which("npm") is None:
        print("test: without npm there are no agent CLIs: what drives them is skipped")
        return
    print("test: installing the agent CLIs that are driven", flush=True)
    words = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(words, check=False, cwd=AGENT_CLIS).returncode == 0:
        installed.write_bytes(locked)
    else:
        print("test: the agent CLIs could not be installed: what drives those that are missing is skipped")


def _install(package: str) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"test: {package} is not there and cannot be installed from here: what needs it is skipped")
        return
    print(f"test: installing Debian's {package}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        subprocess.run(["apt-get", *words], check=False, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
