"""Which benchmarks are there, and how are they run? `python -m benchmarks [--only b1] [--quick]`

Each runs in a process of its own, so that none inherits another's memory, threads or caches.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import report

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the chosen ones after each other; returns 1 if one of them broke (a missed goal is no failure)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against peers and limits.")
    parser.add_argument("--only", action="append", default=[], help="run only these: b1, b2, …", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="small counts, to see that it runs: no results are kept")
    wishes = parser.parse_args()
    named = {path.stem.partition("_")[0]: path.stem for path in HERE.glob("b[0-9]*_*.py")}
    known = dict(sorted(named.items(), key=lambda each: int(each[0][1:])))
    wanted = [name.lower() for name in ",".join(wishes.only).split(",") if name] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(known)}")
    broken = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{known[name]}", *(["--quick"] if wishes.quick else [])]
        broken += subprocess.run(command, cwd=HERE.parent, check=False).returncode != 0
    if not wishes.quick:
        report.PAGE.write_text(report.page(), encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
