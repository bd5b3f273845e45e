"""Modules that are loaded while others work."""

import sys
import threading
from importlib import import_module

import pytest

from ucompress.lazy import load_meanwhile


def all_loaded():
    for thread in threading.enumerate():
        if thread.name == "ucompress-load":
            thread.join(60)


def test_a_thread_loads_modules_in_their_order(tmp_path, monkeypatch):
    note = "import sys, threading\nsys.loaded.append((__name__, threading.current_thread().name))\n"
    for name in ("loaded_first", "loaded_second"):
        (tmp_path / f"{name}.py").write_text(note, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "loaded", [], raising=False)
    load_meanwhile("loaded_first", "loaded_second")
    all_loaded()
    import_module("loaded_second")
    assert sys.loaded == [("loaded_first", "ucompress-load"), ("loaded_second", "ucompress-load")]


def test_what_cannot_be_loaded_is_met_by_who_imports_it(tmp_path, monkeypatch):
    (tmp_path / "loaded_never.py").write_text("import there_is_no_such_module\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    told = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    load_meanwhile("loaded_never")
    all_loaded()
    assert not told, "a thread's own last words would stand between the run's messages"
    with pytest.raises(ImportError, match="there_is_no_such_module"):
        import_module("loaded_never")


def test_without_a_thread_nothing_is_loaded_ahead(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    load_meanwhile("antigravity")
    assert "antigravity" not in sys.modules
