"""`page`: serves the page, as `python app.py` does."""

from __future__ import annotations

import typer

from playground.cli.surroundings import Surroundings


def page(context: typer.Context) -> int:
    """Starts the page. GRADIO_SERVER_NAME and GRADIO_SERVER_PORT choose another address than 127.0.0.1:7860."""
    from playground.ui.serving import serve  # only here: nothing else in the command line needs Gradio

    around: Surroundings = context.obj
    return serve(around.settings)
