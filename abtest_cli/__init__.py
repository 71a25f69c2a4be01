"""The `abtest` command: parses, calls, prints; heavy imports only inside a command."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from abtest_cli.analyze import analyze
from abtest_cli.dashboard import dashboard
from abtest_cli.doctor import doctor
from abtest_cli.forget import forget
from abtest_cli.generate import generate
from abtest_cli.maintain import maintain
from abtest_cli.plan import plan
from abtest_cli.report import report
from abtest_cli.results import results
from abtest_cli.run import run
from abtest_cli.serve import serve
from abtest_lib.errors import AbtestError, one_line

_COMMANDS: dict[Callable[..., None], str] = {
    run: "Raw events to tables and verdicts.",
    results: "The arms of one experiment, and its verdict.",
    analyze: "Test counts that you give.",
    plan: "How many users and days an effect takes.",
    serve: "Serve the verdicts over HTTP.",
    dashboard: "Show the verdicts in a browser.",
    report: "One experiment as a file to mail.",
    generate: "Synthetic events with a known truth.",
    forget: "Remove people from a lake.",
    doctor: "Check this machine and a lake.",
    maintain: "Compact the tables, remove old files.",
}


def build_app() -> typer.Typer:
    """Build the command line with all its commands."""
    app = typer.Typer(
        name="abtest",
        help="Raw browsing events to A/B-test verdicts that can be trusted.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # frames around the help text cost more time than all the rest of it
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command, summary in _COMMANDS.items():
        app.command(short_help=summary)(command)
    return app


def main() -> None:
    """Run the command line; bad input exits with 2, a failure with 1, each with one readable line."""
    try:
        build_app()()
    except AbtestError as error:
        _stop(one_line(error, 1_000), error.exit_code)
    except Exception as error:
        if os.environ.get("ABTEST_DEBUG"):
            raise
        _stop(f"unexpected {type(error).__name__}: {one_line(error)} (ABTEST_DEBUG=1 shows the stack trace)", 1)


def _stop(message: str, code: int) -> NoReturn:
    label = "\033[1;31merror:\033[0m" if sys.stderr.isatty() else "error:"
    sys.stderr.write(f"{label} {message}\n")
    sys.exit(code)
