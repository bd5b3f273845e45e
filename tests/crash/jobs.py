"""Commands whose order of writes is recorded, and what must hold however the power failed under them.

Each works in a folder of its own, with inputs beside it: `work` is what the power failure is about, the
database, the output and the state folder in it. The same command goes on with what is left there.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

from crash.disk import State
from crash.recording import SHIM, Record, record
from support import compile_shim, fill_codebase, tree_facts
from tests.database.files import entry
from tests.pipeline.runs import pack
from ucompress.archive.writing.repair import repair
from ucompress.database import DatabaseFigures, PatternDatabase
from ucompress.pipeline.writing import naming

KEPT = {"p.db", "state/database-key", "state/last-job.json"}
SIDECARS = {"p.db-wal", "p.db-shm"}


class Job:
    """`compress` into a new archive with a new database.

    Args:
        folder: a folder of ours.
    """

    options: ClassVar[dict[str, object]] = {"level": 3, "threads": 1}
    output = "a.ucz"

    def __init__(self, folder: Path) -> None:
        """The places."""
        self.folder, self.tree, self.work = folder, folder / "tree", folder / "work"
        self.state, self.database = self.work / "state", self.work / "p.db"
        self.seen = Counter[str]()

    def record(self) -> None:
        """Make the inputs, and record one run that nothing disturbs."""
        self.state.mkdir(parents=True)
        self.fill()
        with self._state_folder():
            self.prepare()
        code = "from crash.jobs import begin; begin()"
        words = [sys.executable, "-c", code, type(self).__name__, self.folder]
        shim = compile_shim(SHIM, self.folder)
        self.done: Record = record(words, shim, self.work, self.folder / "log", self.state)
        self.old = self.done.before.get(os.fsencode(self.work / self.output), (0, None))[1]
        self.left = self._names()
        self.kept = self._kept()
        with self._state_folder():
            self.finish()
        self.facts = tree_facts(self.tree)

    def _kept(self) -> int:
        """The call from which on the output must be there: the sync of its folder after it got its name."""
        calls, output = self.done.calls, os.fsencode(self.work / self.output)
        named = max((at for at, call in enumerate(calls) if call.b == output), default=len(calls))
        return next((at for at in range(named, len(calls)) if calls[at].kind == "D"), len(calls))

    def finish(self) -> None:
        """What is to come of every state."""
        self.reference = (self.work / self.output).read_bytes()

    def fill(self) -> None:
        """The tree: some blocks of it at the fast levels."""
        fill_codebase(self.tree, 8, 4000)
        for number in range(3):
            (self.tree / f"noise{number}").write_bytes(random.Random(number).randbytes(400_000))

    def prepare(self) -> None:
        """What stands in the work folder before the run."""

    def run(self) -> Sequence[str]:
        """The command; returns its warnings."""
        return self.pack()

    def pack(self) -> Sequence[str]:
        """Pack the tree; returns the warnings."""
        result, _ = pack(
            self.tree, self.work / self.output, database=self.database, checkpoint=1e-6, **self.options
        )
        self.seen["blocks taken over"] += result.statistics.blocks_resumed > 0
        return result.warnings

    def check(self, state: State, at: int) -> None:
        """Put a state onto the disk, look at what has the output's name, and run the command again.

        Args:
            state: what is left.
            at: the call before which the power failed.
        """
        self.restore(state)
        found = state.get(os.fsencode(self.work / self.output))
        assert found == self.reference or (found == self.old and at <= self.kept)
        aside = self._aside()
        with self._state_folder():
            warnings = self.run()
        assert (self.work / self.output).read_bytes() == self.reference
        if self._aside() != aside:
            self.seen["database moved aside"] += 1
            assert any("moved aside" in warning or "it was moved to" in warning for warning in warnings)
        self.check_names(self._names() - self._aside())
        self._count()

    def _count(self) -> None:
        assert tree_facts(self.tree) == self.facts
        self.seen["states"] += 1

    def check_names(self, names: set[str]) -> None:
        """Nothing is left over."""
        assert names - SIDECARS == KEPT | {self.output}

    def restore(self, state: State) -> None:
        """The work folder as it is after the failure."""
        shutil.rmtree(self.work)
        self.state.mkdir(parents=True)
        for path, content in state.items():
            Path(os.fsdecode(path)).write_bytes(content)

    def _names(self) -> set[str]:
        return {str(path.relative_to(self.work)) for path in self.work.rglob("*") if path.is_file()}

    def _aside(self) -> set[str]:
        return {name for name in self._names() if name.startswith("p.db.corrupt-")}

    def _state_folder(self) -> AbstractContextManager[object]:
        return patch.dict(os.environ, UCOMPRESS_STATE_DIR=str(self.state))


class Replacing(Job):
    """`compress --recovery --force` at level 6 with two threads over an older archive, a new database."""

    options: ClassVar[dict[str, object]] = {"level": 6, "threads": 2, "recovery": 10, "force": True}

    def fill(self) -> None:
        """Text only: noise takes long at this level."""
        fill_codebase(self.tree, 12, 9000)

    def prepare(self) -> None:
        """An archive of another tree."""
        fill_codebase(self.folder / "other", 5, 3000, seed=1)
        pack(self.folder / "other", self.work / self.output, level=3)


class Again(Job):
    """`compress` of a changed tree with the database of the run before, over its archive."""

    def prepare(self) -> None:
        """The run before; then some files change."""
        self.pack()
        fill_codebase(self.tree / "package000", 3, 5000, seed=2)
        (self.tree / "noise1").write_bytes(random.Random(9).randbytes(300_000))


class Damaged(Again):
    """The same with a damaged database that has a log: both are moved aside."""

    def prepare(self) -> None:
        """A log is left by copying a database that is in use."""
        super().prepare()
        with PatternDatabase(self.database) as opened:
            opened.store_patterns([entry(b"stands in the log", 5)])
            left = {path: path.read_bytes() for path in (self.database, Path(f"{self.database}-wal"))}
        for path, content in left.items():
            path.write_bytes(content)
        with self.database.open("rb+") as file:
            file.seek(8192)
            file.write(b"damage" * 4000)


class Repairing(Job):
    """`repair --force` of a damaged archive over an older file."""

    output = "mended.ucz"

    def prepare(self) -> None:
        """A damaged archive that knows how to be mended."""
        self.damaged = self.folder / "damaged.ucz"
        _, content = pack(self.tree, self.damaged, level=3, recovery=10)
        burst = content[1000 : 1000 + len(content) // 50]
        self.damaged.write_bytes(content.replace(burst, bytes(len(burst))))
        (self.work / self.output).write_bytes(b"older")

    def run(self) -> Sequence[str]:
        """Mend it."""
        repair(self.folder / "damaged.ucz", self.work / self.output, force=True)
        return []

    def check_names(self, names: set[str]) -> None:
        """What was being written has a name that no other run takes."""
        assert {name for name in names if not name.endswith(".partial")} == {self.output}


class Vacuuming(Again):
    """`db vacuum`, then `compress` with what is left of the database, whose patterns are all there."""

    def prepare(self) -> None:
        """The run before, and unused pages."""
        super().prepare()
        with sqlite3.connect(self.database) as sql:
            sql.execute("CREATE TABLE room AS SELECT randomblob(300000) FROM (VALUES (1), (2), (3))")
            sql.execute("DROP TABLE room")
        sql.close()

    def run(self) -> Sequence[str]:
        """Give back what is unused."""
        with PatternDatabase(self.database, begin_anew=False) as opened:
            opened.vacuum()
        return []

    def finish(self) -> None:
        """The archive of a run with the database that the recorded one has left."""
        self.figures = self._figures()
        self.pack()
        super().finish()

    def _figures(self) -> DatabaseFigures:
        with PatternDatabase(self.database) as opened:
            return replace(opened.figures(), disk_bytes=0, free_bytes=0)

    def check(self, state: State, at: int) -> None:
        """The database holds what it held, the output is the older one."""
        self.restore(state)
        with self._state_folder():
            self.run()
            assert self._figures() == self.figures
            assert not self.pack()
        assert (self.work / self.output).read_bytes() == self.reference
        self._count()


JOBS: dict[str, type[Job]] = {
    kind.__name__: kind for kind in (Job, Replacing, Again, Damaged, Repairing, Vacuuming)
}


def begin() -> None:
    """The run that is recorded."""
    naming.SYNC_SECONDS = 0
    JOBS[sys.argv[1]](Path(sys.argv[2])).run()
