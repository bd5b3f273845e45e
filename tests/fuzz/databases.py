"""The targets that pack: with databases whose contents lie, and after interruptions."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import tempfile
import zlib
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from fuzz.codecs import Case
from fuzz.mutate import mutate
from support import all_settled, fill_codebase
from ucompress.archive import Archive, ArchiveWriter
from ucompress.checksum import run_check
from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.database import cache
from ucompress.database.file_rows import checksum, row_checksum
from ucompress.errors import CompressionError, InterruptedJobError
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.placing.plan import PlanParameters
from ucompress.pipeline.writing.assembly import Assembly
from ucompress.pipeline.writing.groundwork import PLAN


def databases() -> Case:
    """Databases whose checksums fit and whose contents lie: the run ends with a sound archive of the tree.

    Which bytes a file has is what the plan says: where one lies so well that it is taken, they may be any.
    """
    # Files that were written just now are as good as old ones.
    cache.settled = all_settled
    home = tempfile.TemporaryDirectory(prefix="databases-")
    root = Path(home.name)
    tree = root / "tree"
    fill_codebase(tree, 12, 3000)
    (tree / "twin.c").write_bytes((sorted(tree.rglob("*.c"))[0]).read_bytes())
    wanted = {path.relative_to(root): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    for level in (1, 5):
        _pack(tree, root / f"{level}.ucz", root / "db", level)

    def case(pick: Random, home: object = home) -> None:
        with tempfile.TemporaryDirectory(dir=root) as folder:
            work, level = Path(folder), pick.choice((1, 5))
            shutil.copy(root / "db", work / "db")
            with contextlib.closing(sqlite3.connect(work / "db")) as database, database:
                is_planned_anew = _forge_artifacts(pick, database)
                _forge_samples(pick, database)
                if pick.random() < 0.2:
                    database.execute("DELETE FROM pattern_counts")
            with contextlib.suppress(CompressionError):
                _pack(tree, work / "a.ucz", work / "db", level)
                with Archive(work / "a.ucz") as archive:
                    archive.extract(work / "out", threads=1)
                    assert archive.verify(threads=1).ok
                for path, content in wanted.items():
                    written = (work / "out" / path).read_bytes()
                    assert written == content if is_planned_anew else len(written) == len(content)

    return case


def resumes() -> Case:
    """Interrupted jobs whose database or partial file is changed: packed to the same bytes, or refused."""
    cache.settled = all_settled
    home = tempfile.TemporaryDirectory(prefix="resumes-")
    root = Path(home.name)
    tree, output, database, partial = (root / name for name in ("tree", "a.ucz", "db", ".a.ucz.partial"))
    fill_codebase(tree, 12, 9000)
    with mock.patch.object(PlanParameters, "for_level", classmethod(lambda cls, level: SMALL)):
        _pack(tree, root / "sound.ucz", root / "other", 4)
        _stop(tree, output, database)
    wanted = (root / "sound.ucz").read_bytes()
    before, written = database.read_bytes(), partial.read_bytes()

    @mock.patch.object(PlanParameters, "for_level", classmethod(lambda cls, level: SMALL))
    def case(pick: Random, home: object = home) -> None:
        for path in root.iterdir():
            if path.is_file():
                path.unlink()
        database.write_bytes(mutate(pick, before, [written]) if pick.random() < 0.3 else before)
        partial.write_bytes(mutate(pick, written, [wanted]) if pick.random() < 0.5 else written)
        for _ in range(pick.randrange(3)):
            with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError):  # names that are no text
                _change_row(pick, database)
        with contextlib.suppress(CompressionError):
            _pack(tree, output, database, 4)
            assert output.read_bytes() == wanted
        assert not output.exists() or output.read_bytes() == wanted

    return case


SMALL = PlanParameters(
    block_target=32 << 10, large_block_target=32 << 10, whole=16 << 10, reach=16 << 10, window=64 << 10
)


def _stop(tree: Path, output: Path, database: Path) -> None:
    """Pack until two blocks are coded."""
    job = PipelineOrchestrator(_configuration(tree, output, database, 4))
    append = Assembly._append

    def counted(assembly: Assembly, writer: ArchiveWriter, block: Any) -> Any:
        row = append(assembly, writer, block)
        if writer.blocks == 2:
            job.guard.request(signal.SIGTERM)
        return row

    with mock.patch.object(Assembly, "_append", counted), contextlib.suppress(InterruptedJobError):
        job.run()
    assert not output.exists()


def _change_row(pick: Random, path: Path) -> None:
    """Another value in one column of one row of any table."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        names = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        (table,) = pick.choice(names)
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        column, rows = pick.choice(columns), database.execute(f"SELECT rowid FROM {table}").fetchall()
        if not rows:
            return
        (row,) = pick.choice(rows)
        for (value,) in database.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchall():
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_other(pick, value), row))


def _other(pick: Random, value: Any) -> Any:
    if pick.random() < 0.1:
        return pick.choice((None, 0, -1, 1 << 62, 0.5, "", "text", b"", b"blob"))
    if isinstance(value, bytes):
        return mutate(pick, value)
    if isinstance(value, str):
        return mutate(pick, value.encode()).decode("latin-1")
    return pick.choice((0, 1, -1, 1 << 40)) + (value if isinstance(value, int) else 0)


def _configuration(tree: Path, output: Path, database: Path, level: int) -> CompressionConfig:
    pipeline = PipelineConfig(database_path=database)
    return CompressionConfig(inputs=(tree,), output=output, level=level, threads=1, pipeline=pipeline)


def _pack(tree: Path, output: Path, database: Path, level: int) -> None:
    PipelineOrchestrator(_configuration(tree, output, database, level)).run()


def _forge_artifacts(pick: Random, database: sqlite3.Connection) -> bool:
    """Change some artifacts, and forget others; False where a plan was changed."""
    rows = database.execute("SELECT key, name, content FROM artifacts").fetchall()
    spares_plans, others = pick.random() < 0.5, [row[2] for row in rows]
    for key, name, content in rows:
        if pick.random() < 0.2:
            database.execute("DELETE FROM artifacts WHERE key = ? AND name = ?", (key, name))
        elif pick.random() < 0.6 and not (name == PLAN and spares_plans):
            forged = _forged(pick, name, content, others)
            database.execute(
                "UPDATE artifacts SET content = ?, checksum = ? WHERE key = ? AND name = ?",
                (forged, checksum(key, name.encode(), forged), key, name),
            )
    return spares_plans


def _forged(pick: Random, name: str, content: bytes, others: list[bytes]) -> bytes:
    """An artifact changed; mostly, of a plan the numbers, its own check made right."""
    if name != PLAN or pick.random() < 0.3:
        return mutate(pick, content, others)
    body = zlib.compress(mutate(pick, zlib.decompress(content[16:])), 1)
    return content[:8] + run_check(body).to_bytes(8, "little") + body


def _forge_samples(pick: Random, database: sqlite3.Connection) -> None:
    """Give some files another sample, and another class."""
    rows = database.execute(
        "SELECT file_path, stamp, parameters, digest, kind_class, sample, patterns_found FROM processed_files"
    ).fetchall()
    samples = [row[5] for row in rows]
    for path, stamp, parameters, digest, kind_class, sample, found in rows:
        if pick.random() < 0.4:
            forged = pick.choice((mutate(pick, sample, samples), pick.choice(samples)))
            kind = pick.choice((kind_class, pick.randrange(256)))
            fitting = row_checksum(path, stamp, parameters, digest, kind, forged, found)
            database.execute(
                "UPDATE processed_files SET sample = ?, kind_class = ?, checksum = ? WHERE file_path = ?",
                (forged, kind, fitting, path),
            )
