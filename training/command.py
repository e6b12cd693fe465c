"""A step as a command: its errors are one line, not a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from sincerity.errors import SincerityError


def run(main: Callable[..., Any]) -> None:
    """Run `main` with the command line's options; exit 1 with a line on what went wrong and what helps."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except (SincerityError, OSError) as error:
        sys.exit(f"Error: {error}")
