"""The page, served until the process is ended."""

from __future__ import annotations

import signal
import socket
import sys

from playground.engines.registry import open_fleet
from playground.errors import InputError
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.presets import load_presets, offered
from playground.ui.page import build
from playground.ui.theme import launch_options


def serve(settings: Settings) -> int:
    """Serves the page; returns 0 when it is told to stop. Raises InputError when it cannot start."""
    check_address(settings)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    presets = offered(load_presets(settings.presets_dir), settings.adapters)
    if not presets:
        raise InputError("presets", f"none in {str(settings.presets_dir)!r} can run with the adapters this page offers")
    with open_fleet(settings) as fleet:
        demo = build(settings, fleet, Runner(fleet.engine_for, settings.max_queued), presets)
        where = {"server_name": settings.server_name, "server_port": settings.server_port}
        _, url, _ = demo.launch(**where, **launch_options(settings.cache_dir), prevent_thread_lock=True)
        sys.stdout.write(f"Latency Playground is at {url}\nIts cache folder is {settings.cache_dir}\n")
        sys.stdout.flush()
        demo.block_thread()
    return 0


def check_address(settings: Settings) -> None:
    """Raises InputError when the page cannot listen where the settings say."""
    family = socket.AF_INET6 if ":" in settings.server_name else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.server_name.strip("[]"), settings.server_port))
        except OSError as error:
            where = f"{settings.server_name}:{settings.server_port}"
            reason = f"cannot listen on {where} ({error.strerror}); choose another with GRADIO_SERVER_NAME and GRADIO_SERVER_PORT"
            raise InputError("server", reason) from None
