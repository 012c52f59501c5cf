"""Which commands may an agent run that only edits? What projects are checked by, and what looks at them.

A command's first words; whoever runs them by a rule must have each command of a pipe or a list looked at. Who may
change the sources decides what these run: the list keeps a model from deploying by mistake, it is no wall.
"""

_RUNNERS = ("make", "just", "npm run", "pnpm", "pnpm run", "yarn", "yarn run", "bun run")  # also run what deploys
_TARGETS = ("test", "tests", "check", "lint", "build", "typecheck")
CHECKS = (
    *(f"{runner} {target}" for runner in _RUNNERS for target in _TARGETS),
    "npm test", "pytest",
    "python -m pytest", "python3 -m pytest", "python -m unittest", "python3 -m unittest", ".venv/bin/pytest",
    "uv run pytest", "uv run ruff", "uv run mypy", "tox", "nox", "ruff", "mypy", "npx tsc", "npx vitest", "npx jest",
    "cargo build", "cargo check", "cargo clippy", "cargo fmt", "cargo test", "go build", "go test",
    "go vet", "gofmt", "mvn test", "mvn verify", "gradle test", "gradle check", "./gradlew test", "./gradlew check",
    "dotnet build", "dotnet test",
)  # fmt: skip
# What only looks, for a CLI that does not know it by itself.
LOOKS = ("git status", "git diff", "git log", "git show", "ls", "head", "tail", "wc", "grep", "cat", "pwd")
