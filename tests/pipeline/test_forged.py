"""A database whose checksums fit and whose contents lie: what it says is checked, and worked out anew."""

import sqlite3
import struct
import zlib
from contextlib import closing

import numpy as np
import pytest

from support import all_settled, fill_codebase, tree_facts
from tests.pipeline.runs import pack
from ucompress.archive import Archive
from ucompress.checksum import run_check
from ucompress.database import cache
from ucompress.database.file_rows import checksum, row_checksum
from ucompress.patterns import PatternSampler
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.placing.layout import Plan


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files that were written just now are as good as old ones."""
    monkeypatch.setattr(cache, "settled", all_settled)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    fill_codebase(root, 40, 3000)
    return root


def forge_artifacts(path, change):
    """Put what `change(name, content)` gives in the place of each artifact."""
    with closing(sqlite3.connect(path)) as database, database:
        for key, name, content in database.execute("SELECT key, name, content FROM artifacts").fetchall():
            content = change(name, content)
            database.execute(
                "UPDATE artifacts SET content = ?, checksum = ? WHERE key = ? AND name = ?",
                (content, checksum(key, name.encode(), content), key, name),
            )


def forge_sample(path, sample):
    """Put a sample in the place of one file's, and forget what was made of them."""
    with closing(sqlite3.connect(path)) as database, database:
        for table in ("artifacts", "pattern_counts", "pattern_sources"):
            database.execute(f"DELETE FROM {table}")
        columns = "file_path, stamp, parameters, digest, kind_class, patterns_found"
        (row, *_) = database.execute(f"SELECT {columns} FROM processed_files ORDER BY file_path").fetchall()
        name, stamp, parameters, digest, kind, found = row
        check = row_checksum(name, stamp, parameters, digest, kind, sample, found)
        database.execute(
            "UPDATE processed_files SET sample = ?, checksum = ? WHERE file_path = ?",
            (sample, check, name),
        )


def assert_packs(tree, tmp_path, level, expected=None):
    """The tree is packed with the database, and comes back."""
    _, data = pack(tree, tmp_path / "b.ucz", level=level, database=tmp_path / "db")
    with Archive(tmp_path / "b.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert tree_facts(tree) == tree_facts(tmp_path / "out" / "tree")
    assert expected is None or data == expected


def test_where_a_sample_is_one_of_a_longer_document_the_file_itself_is_counted(tree, tmp_path):
    pack(tree, tmp_path / "a.ucz", level=3, database=tmp_path / "db")
    text = b"".join(path.read_bytes() for path in sorted(tree.rglob("*.*")))
    threshold = samples.threshold(samples.sampling_shift(len(text)))
    forge_sample(tmp_path / "db", PatternSampler(16, threshold).sample(text))
    assert_packs(tree, tmp_path, 3)


def packed_plan(body):
    coded = zlib.compress(body)
    return b"UCPLAN\0\1" + struct.pack("<Q", run_check(coded)) + coded


LYING_PLANS = {
    "nothing": lambda plan: packed_plan(b""),
    "columns without end": lambda plan: packed_plan(struct.pack("<9Q2Q", *[1 << 63] * 9, 0, 0)),
    "more than can be needed": lambda plan: packed_plan(bytes(300 << 20)),
    "not compressed": lambda plan: b"UCPLAN\0\1" + struct.pack("<Q", run_check(b"plain")) + b"plain",
    "no such content": lambda plan: changed(plan, run_content=plan.run_content + np.uint32(1000)),
    "runs that leave their content": lambda plan: changed(plan, run_offset=plan.run_offset + (1 << 40)),
    "runs before their content": lambda plan: changed(plan, run_offset=plan.run_offset - 1),
    "extents that leave their block": lambda plan: changed(
        plan, extent_offset=plan.extent_offset + (1 << 20)
    ),
    "extents without end": lambda plan: changed(
        plan, extent_length=plan.extent_length + ((1 << 63) - (1 << 16))
    ),
    "contents too short": lambda plan: changed(plan, extent_length=plan.extent_length - 1),
    "no contents": lambda plan: changed(plan, extent_start=plan.extent_start[-1:] * 0),
}


def changed(plan, **columns):
    values = {name: getattr(plan, name) for name in Plan.__slots__}
    for name, column in columns.items():
        columns[name] = np.asarray(column).astype(values[name].dtype)
    return Plan(**{**values, **columns}).to_bytes()


@pytest.mark.parametrize("lie", LYING_PLANS)
def test_plans_that_lie_are_made_anew(tree, tmp_path, lie):
    expected = pack(tree, tmp_path / "a.ucz", level=3, database=tmp_path / "db")[1]

    def forged(name, content):
        return LYING_PLANS[lie](Plan.from_bytes(content, np.array([1 << 30]))) if name == "plan" else content

    forge_artifacts(tmp_path / "db", forged)
    assert_packs(tree, tmp_path, 3, expected)


def test_a_dictionary_that_is_too_large_is_made_anew(tree, tmp_path):
    expected = pack(tree, tmp_path / "a.ucz", level=3, database=tmp_path / "db")[1]
    forge_artifacts(
        tmp_path / "db", lambda name, content: bytes(9 << 20) if name == "dictionary" else content
    )
    assert_packs(tree, tmp_path, 3, expected)
