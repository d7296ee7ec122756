"""The command line: run, code, presets, doctor, cache."""

from playground.cli.app import main

__all__ = ["main"]
