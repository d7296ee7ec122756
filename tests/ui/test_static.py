"""What the browser loads from here: the page's modules and Plotly, under addresses that change with their content."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playground.errors import InputError
from playground.ui.static import HERE, Static, modules

LONGEST_LINE = 140
IMPORT = re.compile(r"^import .* from '([^']+)';$", re.M)


def path_of(address: str) -> Path:
    return Path(address.removeprefix("gradio_api/file="))


def test_every_module_is_served_where_the_page_looks_for_it(tmp_path: Path) -> None:
    static = Static.of(tmp_path)
    static.serve()
    preloaded = re.findall(r'href="([^"]+)"', static.head())
    assert [path_of(address).read_text() for address in preloaded] == [(HERE / name).read_text() for name in modules()]
    assert path_of(static.plotly).stat().st_size > 1e6
    assert all(one.suffix == ".js" for one in static.folder.rglob("*") if one.is_file()), "nothing else is served"


def test_addresses_are_relative_and_written_for_a_url(tmp_path: Path) -> None:
    static = Static.of(tmp_path / 'a "cache" #1')
    assert static.plotly.startswith("gradio_api/file=/")
    assert not set('"# ') & set(static.plotly)
    at_hand = re.findall(r'import \* as m\d+ from "\./([^"]+)"', static.head())
    assert all(address in static.on_load("live/main.js") for address in at_hand if address.endswith("live/main.js"))
    assert len(at_hand) >= 5, "those that are mounted"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="give another folder with PLAYGROUND_CACHE_DIR"):
        Static.of(tmp_path / "file").serve()


@pytest.mark.parametrize("name", modules())
def test_a_module_imports_what_is_there_and_its_lines_are_short(name: str) -> None:
    source = (HERE / name).read_text(encoding="utf-8")
    assert all(len(line) <= LONGEST_LINE for line in source.splitlines())
    assert all(((HERE / name).parent / imported).resolve().is_file() for imported in IMPORT.findall(source))
