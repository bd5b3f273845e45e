"""The target that packs: with a database whose checksums fit, and whose contents lie."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import zlib
from pathlib import Path
from random import Random

from fuzz.codecs import Case
from fuzz.mutate import mutate
from support import all_settled, fill_codebase
from ucompress.archive import Archive
from ucompress.checksum import run_check
from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.database import cache
from ucompress.database.file_rows import checksum, row_checksum
from ucompress.errors import CompressionError
from ucompress.pipeline.groundwork import PLAN
from ucompress.pipeline.orchestrator import PipelineOrchestrator


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


def _pack(tree: Path, output: Path, database: Path, level: int) -> None:
    pipeline = PipelineConfig(database_path=database)
    config = CompressionConfig(inputs=(tree,), output=output, level=level, threads=1, pipeline=pipeline)
    PipelineOrchestrator(config).run()


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
