"""With `CONSELHO_TEST_NO_SKIPS=1` a skipped test fails the run: what was not run was not shown."""

import os

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if _forbidden() and skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped, and skips are forbidden here", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _forbidden() and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _forbidden() -> bool:
    return os.environ.get("CONSELHO_TEST_NO_SKIPS") == "1"
