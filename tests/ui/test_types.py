"""What the browser's scripts are checked against: the types of its records, written from those in Python."""

from __future__ import annotations

import pytest

from tools.browser_types import TARGET, declarations, typescript


def test_the_written_types_are_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == declarations(), "run `make types`"


def test_a_type_without_a_counterpart_is_refused() -> None:
    with pytest.raises(TypeError, match="no counterpart"):
        typescript(set[int])
