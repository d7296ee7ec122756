"""`python -m playground`, and the console command `latency-playground`."""

import io
import sys

from playground.cli import main


def console(program: str = "latency-playground") -> int:
    """The command line in a terminal of any encoding: one that cannot show × shows ?, and the run goes on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    return main(program=program)


if __name__ == "__main__":
    sys.exit(console("python -m playground"))
