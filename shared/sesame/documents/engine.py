"""WeasyPrint, loaded without what it would only use on other machines: whoever needs it takes it from here.

It looks for each native library under several names, and the standard library runs a compiler and a linker
for every name that is not a file's; on Linux, the loader knows the last of them by itself. And it imports
fontTools' subsetter and instancer, a tenth of a second, for when HarfBuzz's subsetter is not there or a font
is variable.
"""

import ctypes.util
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_DEFERRED = {"fontTools.subset": (), "fontTools.varLib.instancer": ("instantiateVariableFont",)}
"""Module -> the functions that are imported from it by name."""

# Read by fontconfig when WeasyPrint loads it.
os.environ.setdefault("FONTCONFIG_FILE", str(Path(__file__).parent / "fonts.conf"))


class _Deferred(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __init__(self, name: str, functions: tuple[str, ...]) -> None:
        super().__init__(name)
        for function in functions:
            setattr(self, function, lambda *args, of=function, **kw: getattr(self._real(), of)(*args, **kw))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


def _load() -> None:
    import fontTools  # noqa: PLC0415

    for name, functions in _DEFERRED.items():
        if name not in sys.modules:
            sys.modules[name] = module = _Deferred(name, functions)
            if name == "fontTools.subset":
                fontTools.subset = module
    search = ctypes.util.find_library
    if sys.platform == "linux":
        ctypes.util.find_library = lambda name: None
    try:
        importlib.import_module("weasyprint")
    finally:
        ctypes.util.find_library = search


_load()

import weasyprint  # noqa: E402
from weasyprint.formatting_structure import boxes  # noqa: E402
from weasyprint.layout.absolute import AbsolutePlaceholder  # noqa: E402
from weasyprint.text.fonts import FontConfiguration  # noqa: E402
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse  # noqa: E402

__all__ = [
    "AbsolutePlaceholder",
    "FatalURLFetchingError",
    "FontConfiguration",
    "URLFetcher",
    "URLFetcherResponse",
    "boxes",
    "weasyprint",
]
