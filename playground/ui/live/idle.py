"""What the live view shows before the first run: the lanes as they stand in the controls, without figures."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from playground.spec.request import RunRequest
from playground.timeline.state import RunState
from playground.ui.live.feed import Feed


def idle_feed(request: RunRequest) -> str:
    """Records of a run that has not begun. Each has a name of its own, by which the browser knows it from the one before."""
    view = RunState(request, f"idle-{uuid.uuid4().hex[:8]}", datetime.now(UTC).isoformat(timespec="seconds"))
    return Feed(view).start(idle=True)
