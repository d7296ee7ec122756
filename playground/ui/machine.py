"""The machine as the page shows it: never waited for before it is needed, and a failure is a sentence."""

from __future__ import annotations

import logging

import gradio as gr

from playground.engines.registry import Fleet
from playground.errors import EngineError
from playground.report.wording.machine import environment_words
from playground.settings import Settings
from playground.spec.presets import Preset
from playground.timeline.environment import Environment
from playground.ui.pool.pool import label_of, pool_problem, pool_value

log = logging.getLogger(__name__)


class Machine:
    """What runs behind the page."""

    def __init__(self, fleet: Fleet, settings: Settings) -> None:
        self._fleet, self._settings = fleet, settings
        self._known: Environment | None = None

    def words(self) -> str:
        """One line; starts the engine if it is not up yet."""
        try:
            self._known = self._fleet.environment()
            # How much memory there is stands in the pool beside it.
            return environment_words(self._known | Environment(memory_budget_bytes=None))
        except EngineError as error:
            return f"The device is not available: {error}"

    def pool(self) -> str:
        """What is loaded; starts the engine if it is not up yet."""
        try:
            return pool_value(self._fleet.environment())
        except EngineError as error:
            return pool_problem(f"The device is not available: {error}")

    def evict(self, pressed: gr.EventData) -> str:
        """What is loaded after the resident whose button was pressed is gone, or why it is not."""
        key = str(getattr(pressed, "key", ""))
        try:
            label = label_of(self._fleet.environment(), key)
            try:
                self._fleet.evict(key)
            except EngineError as error:
                return pool_value(self._fleet.environment(), f"Not evicted: {error}.")
            return pool_value(self._fleet.environment(), f"Evicted {label}.")
        except EngineError as error:
            return pool_problem(f"The device is not available: {error}")

    def on_gpu(self) -> bool:
        """Whether a larger model is worth showing: a CUDA device, and the Hub in reach to bring the model."""
        try:
            environment = self._fleet.environment()
        except EngineError as error:
            log.warning("no environment: %s", error)
            return False
        return environment.is_cuda and bool(environment.hub_reachable)

    def model_for(self, preset: Preset) -> str:
        """The model a preset shows here."""
        larger = preset.model_on_gpu
        return larger if larger in self._settings.models and larger is not None and self.on_gpu() else preset.model

    def model_now(self, preset: Preset) -> str:
        """The model a preset shows here as far as is known by now: never waited for."""
        return self.model_for(preset) if self._known is not None else preset.model

    def devices(self) -> tuple[str, ...] | None:
        """What lanes may run on, as far as is known by now; None: not yet, or nothing that has devices."""
        cuda = self._known.cuda if self._known is not None else None
        return cuda.lane_devices if cuda is not None else None
