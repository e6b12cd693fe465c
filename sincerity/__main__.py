"""`python -m sincerity` is the command line."""

from sincerity.cli import main

main()
