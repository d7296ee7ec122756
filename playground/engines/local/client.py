"""The local device, from outside: torch-free. (Being written.)"""

from playground.engines.fleet import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.settings import Settings


class LocalFleet(ScriptedFleet):
    def __init__(self, settings: Settings) -> None:
        super().__init__(ScriptedEngine())
