"""The command line: run, presets, doctor."""

from playground.cli.app import main

__all__ = ["main"]
