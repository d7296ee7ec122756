"""`python -m playground`."""

import io
import sys

from playground.cli import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show × shows ?, and the run goes on
    sys.exit(main())
