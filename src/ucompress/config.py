"""What a run is told: frozen values with the design's defaults."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ucompress.errors import UsageError

MIB = 1 << 20

LOWEST_LEVEL = 1
HIGHEST_LEVEL = 9
DEFAULT_LEVEL = 6
DEFAULT_MIN_LENGTH = 16
DEFAULT_MIN_FREQUENCY = 3
MOST_RECOVERY = 100
DEFAULT_DICTIONARY_SIZE = 112_640
DEFAULT_DATABASE = Path("compression_patterns.db")
CONTENT_HASH_BYTES = (0, 8, 32)
LARGEST_NUMBER = (1 << 63) - 1

MEMORY = ":memory:"
"""In place of a database's path: nothing is kept."""


def available_cores() -> int:
    """Cores this process may run on: how many threads work where no number was asked for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """How a run keeps its state, shows itself and limits itself.

    Attributes:
        database_path: SQLite file with patterns, files and checkpoints; `:memory:` keeps nothing.
        checkpoint_interval: the most time between two checkpoints; what was analyzed and coded is
            made durable about once a second besides.
        progress_update_interval: the least time between two updates of the display.
        batch_size: rows per transaction.
        memory_limit_mb: bound on peak resident memory of interpreter and run, in MB of 1024 * 1024 bytes.
        limit_process: the bound is on all that the process holds, as for the command; else data that the
            calling program held before the run comes on top.
        enable_resume: continue an interrupted run of the same job.
        resumable: an interrupted run may be continued later; False where input or output is a pipe, and
            then nothing of it is kept but patterns and what was analyzed.
    """

    database_path: Path = DEFAULT_DATABASE
    checkpoint_interval: timedelta = timedelta(seconds=30)
    progress_update_interval: timedelta = timedelta(milliseconds=100)
    batch_size: int = 1000
    memory_limit_mb: int = 1024
    limit_process: bool = False
    enable_resume: bool = True
    resumable: bool = True

    def __post_init__(self) -> None:
        """Refuse values that no run could honour."""
        _set(self, "database_path", checked_path("database_path", self.database_path))
        for name in ("batch_size", "memory_limit_mb"):
            check_number(name, getattr(self, name), least=1, most=LARGEST_NUMBER)
        for name in ("limit_process", "enable_resume", "resumable"):
            check_flag(name, getattr(self, name))
        for name in ("checkpoint_interval", "progress_update_interval"):
            value = getattr(self, name)
            if not isinstance(value, timedelta) or value < timedelta(0):
                raise UsageError(f"{name} must be a timedelta of no less than 0 seconds, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionConfig:
    """One job: what is packed, where to, and how.

    Attributes:
        inputs: files and directories; members are named from each input's own name on.
        output: the archive's path; it does not matter where a tree is only analyzed.
        level: 1-3 zstd frames, 4-6 our LZ codec, 7-9 our mixing codec.
        threads: worker threads; None takes the cores, fewer where the memory limit says so.
        min_pattern_length: shortest pattern that is counted, in bytes.
        min_frequency: fewest positions at which a pattern must stand.
        chunk_size: files handed to a worker at a time.
        memory_map_threshold: files of this many bytes and more are read a window at a time, smaller ones
            whole. It bounds memory and decides no byte of the archive; despite its name nothing is mapped.
        include, exclude: gitignore-style patterns on member names, one text or several; exclude wins.
        gitignore: honour `.gitignore` files inside the inputs.
        content_hash_bytes: 0, 8 or 32 (full content hashes); None lets the writer decide.
        dictionary: a raw dictionary file to use instead of building one.
        verify: read the finished archive back before it gets its name; None where that takes less than a
            tenth of the run: at levels 1 to 6.
        recovery: size of a recovery record, in percent of the archive; 0 for none.
        source: names what is packed where its patterns are counted, so that packing it again counts
            nothing twice; None for the absolute paths of the inputs.
        force: replace what has the output's name, whatever it is; without it only archives are replaced.
        pipeline: how the run keeps its state.
    """

    inputs: tuple[Path, ...]
    output: Path
    level: int = DEFAULT_LEVEL
    threads: int | None = None
    min_pattern_length: int = DEFAULT_MIN_LENGTH
    min_frequency: int = DEFAULT_MIN_FREQUENCY
    chunk_size: int = 256
    memory_map_threshold: int = 16 * MIB
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    gitignore: bool = False
    content_hash_bytes: int | None = None
    dictionary: Path | None = None
    verify: bool | None = None
    recovery: int = 0
    source: str | None = None
    force: bool = False
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)

    def __post_init__(self) -> None:
        """Bring paths and patterns into one form, and refuse values that no run could honour."""
        inputs = _several("inputs", self.inputs, "path")
        _set(self, "inputs", tuple(checked_path("inputs", path) for path in inputs))
        _set(self, "output", checked_path("output", self.output))
        if self.dictionary is not None:
            _set(self, "dictionary", checked_path("dictionary", self.dictionary))
        if not isinstance(self.source, str | None):
            raise UsageError(
                f"source must be a text or None, not {_shown(self.source)}: it names what is packed where "
                "its patterns are counted"
            )
        for name in ("include", "exclude"):
            _set(self, name, _several(name, getattr(self, name), "text"))
            if not all(isinstance(pattern, str) for pattern in getattr(self, name)):
                raise UsageError(f"{name} must be texts, not {getattr(self, name)!r}")
        if not self.inputs:
            raise UsageError("nothing to compress: name at least one file or directory")
        for name in ("gitignore", "force"):
            check_flag(name, getattr(self, name))
        if self.verify is not None:
            check_flag("verify", self.verify)
        check_number("level", self.level)
        if not LOWEST_LEVEL <= self.level <= HIGHEST_LEVEL:
            raise UsageError(
                f"level {self.level} does not exist: choose one from {LOWEST_LEVEL} to {HIGHEST_LEVEL}"
            )
        if self.threads is not None:
            check_number("threads", self.threads, least=1, most=LARGEST_NUMBER)
        check_number("min_pattern_length", self.min_pattern_length)
        if not 8 <= self.min_pattern_length <= 64:
            raise UsageError(f"min_pattern_length must be from 8 to 64 bytes, not {self.min_pattern_length}")
        for name, least in (("min_frequency", 2), ("chunk_size", 1), ("memory_map_threshold", 1)):
            check_number(name, getattr(self, name), least=least, most=LARGEST_NUMBER)
        check_number("recovery", self.recovery)
        if not 0 <= self.recovery <= MOST_RECOVERY:
            raise UsageError(
                f"a recovery record has 1 to 100 percent of the archive (0: none), not {self.recovery}"
            )
        if self.content_hash_bytes is not None:
            check_number("content_hash_bytes", self.content_hash_bytes)
            if self.content_hash_bytes not in CONTENT_HASH_BYTES:
                raise UsageError(
                    f"content_hash_bytes must be 0, 8, 32 or None, not {self.content_hash_bytes}"
                )


def _set(config: Any, name: str, value: object) -> None:
    """Give a frozen value its final form while it is being made."""
    object.__setattr__(config, name, value)


def check_number(name: str, value: object, least: int | None = None, most: int | None = None) -> None:
    """Refuse what is no whole number, or too small or too large a one.

    Raises:
        UsageError: it is; the message has its name.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{name} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise UsageError(f"{name} must be at least {least}, not {value}")
    if most is not None and value > most:
        raise UsageError(f"{name} must be at most {most}, and the number given is larger")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        UsageError: it is; the message has its name.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}")


def checked_path(name: str, value: object) -> Path:
    """A path in its one form.

    Raises:
        UsageError: it is none, empty, or none that a file system could have; the message has its name.
    """
    if not isinstance(value, str | bytes | os.PathLike):
        raise UsageError(f"{name} must be a path, not {_shown(value)}")
    text = os.fsdecode(value)
    if not text:  # `Path` would make the current folder of it
        raise UsageError(f"{name} is empty, and would name nothing")
    if "\0" in text:
        raise UsageError(f"{name} holds a zero byte, which no path may have: {text!r}")
    check_encodable(name, text)
    return Path(text)


def check_encodable(name: str, text: str) -> None:
    """Refuse text that is the name of no file, for it holds half a character.

    Raises:
        UsageError: it does; the message has its name.
    """
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} holds what no path can be written with: {text!r}") from error


def _shown(value: object) -> str:
    """A value of the wrong kind, and its kind."""
    return f"{value!r} ({type(value).__name__})"


def _several(name: str, value: object, what: str) -> tuple[Any, ...]:
    """One path or pattern, or several of them, as several."""
    if isinstance(value, str | bytes | os.PathLike):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, bytearray | memoryview):
        raise UsageError(f"{name} must be one {what} or several, not {_shown(value)}")
    return tuple(value)
