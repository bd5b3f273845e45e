"""Runs the command line in this process, and keeps an archive that many tests read."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from support import create_difficult_tree, fill_codebase
from ucompress.cli.start import run

# Windows has neither pseudo-terminals nor these signals.
collect_ignore = ["test_process.py"] if sys.platform == "win32" else []


@dataclass(frozen=True)
class Outcome:
    """What one command left behind."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def ucompress(capsysbinary, monkeypatch):
    """Call as `ucompress("list", archive)`; standard input is empty, nothing is a terminal."""

    def call(*words: object) -> Outcome:
        arguments = [str(word) for word in words]
        monkeypatch.setattr(sys, "argv", ["ucompress", *arguments])
        capsysbinary.readouterr()
        try:
            run(arguments)
            code = 0
        except SystemExit as end:
            code = end.code or 0
        captured = capsysbinary.readouterr()
        return Outcome(code, captured.out, captured.err.decode(errors="replace"))

    return call


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """(tree, archive): a small codebase beside a difficult tree, packed once."""
    from ucompress.config import CompressionConfig, PipelineConfig
    from ucompress.pipeline.orchestrator import PipelineOrchestrator

    top = tmp_path_factory.mktemp("packed")
    tree = top / "tree"
    tree.mkdir()
    fill_codebase(tree / "code", 60, 2000)
    create_difficult_tree(tree / "difficult")
    archive = top / "tree.ucz"
    pipeline = PipelineConfig(database_path=top / "packed.db")
    PipelineOrchestrator(CompressionConfig(inputs=(tree,), output=archive, pipeline=pipeline)).run()
    return tree, archive
