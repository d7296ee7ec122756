"""The page: `python app.py`, and what a Space starts. Importing it starts nothing."""

from __future__ import annotations

import sys

from playground.errors import InputError
from playground.settings import Settings
from playground.ui.serving import serve


def main() -> int:
    """Serves the page until it is told to stop. 2 when it cannot start, with one sentence on stderr."""
    try:
        return serve(Settings.read())
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
