"""Names of a package that are loaded when they are first asked for (PEP 562); modules, while others work."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def loader_of(namespace: dict[str, Any], homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__`: whoever asks for one name pays for its module alone.

    Args:
        namespace: the module's `globals()`, which keeps what was loaded.
        homes: for each name the module that has it.
    """

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(home), name)
        return value

    return load


def load_meanwhile(*modules: str) -> None:
    """Load modules in a thread; whoever imports one waits for it, and meets what went wrong."""

    def load() -> None:
        with suppress(ImportError, OSError, MemoryError):
            for module in modules:
                import_module(module)

    with suppress(RuntimeError):  # there is no thread to be had
        Thread(target=load, name="ucompress-load").start()
