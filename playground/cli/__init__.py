"""The command line: `main` and its commands."""

from playground.cli.app import main

__all__ = ["main"]
