"""`python -m playground.worker`: the process that decodes on one device."""

from __future__ import annotations

import typer

from playground.worker.process import main

if __name__ == "__main__":
    typer.run(main)
