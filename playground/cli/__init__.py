"""The command line: run, code, presets, doctor."""

from playground.cli.app import main

__all__ = ["main"]
