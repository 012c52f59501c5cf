"""Real repositories, and what must be as before in the user's checkout."""

import os
import subprocess
from pathlib import Path

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A User"), ("EMAIL", "user@localhost"))
}


def git(directory: Path, *arguments: str | bytes) -> str:
    """Run git as a user does; returns what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=directory,
        env=kept | IDENTITY,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def make_repository(directory: Path, *, commits: bool = True) -> Path:
    """A repository on `main` with a few files, `notes.txt` among them."""
    directory.mkdir(parents=True)
    git(directory, "init", "-q", "-b", "main")
    if commits:
        (directory / "notes.txt").write_text("one\ntwo\nthree\n")
        (directory / "src").mkdir()
        (directory / "src" / "main.py").write_text("print('hello')\n" * 20)
        (directory / ".gitignore").write_text("build/\n")
        git(directory, "add", "-A")
        git(directory, "commit", "-q", "-m", "first")
    return directory.resolve()


def make_dirty(directory: Path) -> None:
    """Something staged, something changed, something new, and something stashed."""
    (directory / "notes.txt").write_text("stashed\n")
    git(directory, "stash", "-q")
    (directory / "src" / "main.py").write_text("staged\n")
    git(directory, "add", "src/main.py")
    (directory / "notes.txt").write_text("changed\n")
    (directory / "new.txt").write_text("new\n")


def standing(directory: Path) -> dict[str, object]:
    """All that must be as before: files, index, HEAD, branches of the user's, stash, configuration."""
    inside = directory / ".git"
    files = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and inside not in path.parents
    }
    kept = {name: (inside / name).read_bytes() for name in ("HEAD", "index", "config") if (inside / name).exists()}
    own = [
        line
        for line in git(directory, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        if not line.startswith("refs/heads/conselho/")
    ]
    status = git(directory, "--no-optional-locks", "status", "--porcelain=v2", "--branch")
    return {"files": files, "kept": kept, "refs": own, "stash": git(directory, "stash", "list"), "status": status}
