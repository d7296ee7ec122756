"""What the browser loads from here beside Gradio's own: Plotly's script and the page's modules, served as files.

A module's address holds the version of all of them, so that no browser mixes old files with new ones. Addresses are relative to the
page: behind a proxy's prefix an absolute one is not found.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from playground.errors import InputError

HERE = Path(__file__).parent
MOUNTED = "export function mount("
"""In a module that draws a component."""
LOADED = "playground"
"""The page's one global: the modules that are loaded, by address."""
NOT_LOADED = "This part of the page could not be loaded; reload the page."


@dataclass(frozen=True, slots=True)
class Static:
    """The served files, in a folder of the cache that holds nothing else."""

    folder: Path

    @classmethod
    def of(cls, cache_dir: Path) -> Static:
        return cls(cache_dir.resolve() / "static")

    def serve(self) -> None:
        """Copies what is not there yet and lets Gradio serve it. Raises InputError when the folder cannot be written."""
        sources = {self._modules / name: HERE / name for name in modules()}
        sources[self._plotly] = Path(str(files("plotly") / "package_data" / "plotly.min.js"))
        try:
            for target, source in sources.items():
                _copy(source, target)
        except OSError as error:
            reason = f"{str(self.folder.parent)!r} cannot be written: {(error.strerror or str(error)).lower()}"
            raise InputError("settings", f"cache_dir: {reason}; give another folder with PLAYGROUND_CACHE_DIR") from None
        gr.set_static_paths([self.folder])

    @property
    def plotly(self) -> str:
        """The address of Plotly's script."""
        return _address(self._plotly)

    def on_load(self, module: str) -> str:
        """A component's `js_on_load`: it calls the module's `mount` with what Gradio gives such a script.

        At once when the module is there already, so that the component is drawn whole the first time.
        """
        where, failed = json.dumps(_address(self._modules / module)), json.dumps(NOT_LOADED)
        return (
            "const use = ({ mount }) => mount({ element, props, server, trigger, watch });\n"
            f"const there = window.{LOADED}?.[{where}];\n"
            "if (there) use(there);\n"
            f"else import(new URL({where}, document.baseURI)).then(use, () => {{ element.textContent = {failed}; }});"
        )

    def head(self) -> str:
        """For the page's head: all modules are fetched at once while Gradio itself starts, and those that are mounted are kept at hand."""
        addresses = {name: _address(self._modules / name) for name in modules()}
        links = "".join(f'<link rel="modulepreload" href="{address}">' for address in addresses.values())
        mounted = [addresses[name] for name in addresses if MOUNTED in (HERE / name).read_text(encoding="utf-8")]
        imports = "".join(f"import * as m{at} from {json.dumps(f'./{address}')};" for at, address in enumerate(mounted))
        kept = ",".join(f"{json.dumps(address)}:m{at}" for at, address in enumerate(mounted))
        return f'{links}<script type="module">{imports}window.{LOADED}={{{kept}}};</script>'

    @property
    def _plotly(self) -> Path:
        return self.folder / f"plotly-{version('plotly')}.min.js"

    @property
    def _modules(self) -> Path:
        return self.folder / f"modules-{_modules_version()}"


def modules() -> list[str]:
    """The page's modules, by their paths from here."""
    return sorted(path.relative_to(HERE).as_posix() for path in HERE.rglob("*.js"))


def _modules_version() -> str:
    content = hashlib.sha256()
    for name in modules():
        content.update(name.encode() + b"\0" + (HERE / name).read_bytes() + b"\0")
    return content.hexdigest()[:12]


def _address(path: Path) -> str:
    return f"gradio_api/file={quote(path.as_posix(), safe='/:')}"


def _copy(source: Path, target: Path) -> None:
    """A file of this name has this content: it is written beside its place and moved there whole."""
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(f".{os.getpid()}.part")
    shutil.copyfile(source, aside)
    aside.replace(target)
