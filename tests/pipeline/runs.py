"""Short ways to run jobs in tests, in this process and in others."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.reading import spans
from ucompress.pipeline.survey import Survey


def configuration(tree, output, *, database=":memory:", memory=1024, checkpoint=30.0, resume=True, **options):
    """A job with the options that tests vary."""
    return CompressionConfig(
        inputs=(Path(tree),),
        output=Path(output),
        pipeline=PipelineConfig(
            database_path=Path(database),
            memory_limit_mb=memory,
            checkpoint_interval=timedelta(seconds=checkpoint),
            enable_resume=resume,
        ),
        **options,
    )


def pack(tree, output, *, executor=None, renderer=None, **options):
    """Run a job; returns (result, the archive's bytes)."""
    job = PipelineOrchestrator(configuration(tree, output, **options), executor=executor, renderer=renderer)
    result = job.run()
    return result, Path(output).read_bytes()


def command(*arguments: str | os.PathLike[str]) -> list[str]:
    """The command line of `ucompress` with these arguments, for a child process."""
    return [sys.executable, "-m", "ucompress", *map(os.fspath, arguments)]


def run(*arguments: str | os.PathLike[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, at most a minute."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, **options)


def between_plan_and_coding(monkeypatch, action):
    """Do something to the tree after everything was analyzed and planned."""
    original = Survey.settle

    def disturbed(*arguments, **options):
        settled = original(*arguments, **options)
        action()
        return settled

    monkeypatch.setattr(Survey, "settle", disturbed)


def victim(tree):
    return sorted(path for path in tree.rglob("*") if path.is_file())[7]


def tell_reads(monkeypatch, tell):
    """Call `tell` with the rows (path, offset, length) of all spans that are read together."""

    def telling(original):
        def told(rows):
            tell(rows)
            return original(rows)

        return told

    for name in ("read_spans", "read_and_look"):
        monkeypatch.setattr(spans, name, telling(getattr(spans, name)))
