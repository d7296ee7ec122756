"""The command line. Bad input is one sentence on standard error and exit 2; a lane that failed is exit 1; stopped is 130."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from playground.cli.commands import COMMANDS
from playground.cli.surroundings import BAD_INPUT, FAILED, INTERRUPTED, Surroundings, complain
from playground.errors import EngineError, InputError
from playground.settings import Settings

# typer's own class for every mistake in an option; where it lives differs between its versions.
_UsageError: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


app = typer.Typer(
    name="playground",
    help="Race variants of a language model and measure what each costs. Lane texts look like bf16, nf4[double_quant=true], "
    "int8/top_p(p=0.9)@8; quote them in a shell.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for name, command in COMMANDS.items():
    app.command(name)(command)


def main(arguments: Sequence[str] | None = None, surroundings: Surroundings | None = None, program: str = "python -m playground") -> int:
    """Runs one command and returns its exit code; a mistake is one sentence, never a traceback. `program`: its name in the help."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        obj = surroundings or Surroundings(Settings.read())
        return int(app(given, prog_name=program, standalone_mode=False, obj=obj) or 0)
    except InputError as error:
        return complain(str(error), BAD_INPUT)
    except _UsageError as error:
        return complain(_sentence(error), BAD_INPUT)
    except EngineError as error:
        return complain(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return complain("stopped", INTERRUPTED)
    except BrokenPipeError:
        # The reader of standard output has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _sentence(error: Exception) -> str:
    text: str = getattr(error, "format_message", error.__str__)()
    return text[:1].lower() + text[1:]
