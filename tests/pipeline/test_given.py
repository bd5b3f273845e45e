"""The dictionary that the user gives is read once, and refused before anything is made."""

import pytest

from support import fill_codebase
from tests.pipeline.runs import configuration, pack
from ucompress.archive import Archive
from ucompress.codec.levels import DICTIONARY_LIMIT
from ucompress.errors import InputError
from ucompress.pipeline import orchestrator
from ucompress.pipeline.jobs.given import given_dictionary


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("in") / "tree"
    fill_codebase(root, 20, 3000)
    return root


@pytest.mark.parametrize("level", [3, 6])
def test_a_dictionary_that_is_edited_meanwhile_counts_as_it_was(tree, tmp_path, monkeypatch, level):
    given = tmp_path / "given"
    content = next(path for path in sorted(tree.rglob("*")) if path.is_file()).read_bytes()
    given.write_bytes(content)
    expected = pack(tree, tmp_path / "a.ucz", dictionary=given, level=level)[1]
    scan = orchestrator.scan

    def edit_and_scan(*inputs, **options):
        given.write_bytes(b"something else " * 500)
        return scan(*inputs, **options)

    monkeypatch.setattr(orchestrator, "scan", edit_and_scan)
    assert pack(tree, tmp_path / "b.ucz", dictionary=given, level=level)[1] == expected
    with Archive(tmp_path / "b.ucz") as archive:
        assert archive.dictionary == content


def test_another_dictionary_is_another_job(tree, tmp_path):
    given, database = tmp_path / "given", tmp_path / "p.db"
    given.write_bytes(b"some words " * 100)
    first = pack(tree, tmp_path / "a.ucz", dictionary=given, database=database)[1]
    given.write_bytes(b"other words " * 100)
    second = pack(tree, tmp_path / "a.ucz", dictionary=given, database=database)[1]
    assert first != second


def test_what_no_dictionary_can_be_is_refused(tree, tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(DICTIONARY_LIMIT + 1)
    for path, why in (
        (large, "larger than 8 MiB"),
        (tmp_path, "no regular file"),
        (tmp_path / "no", "cannot read"),
    ):
        with pytest.raises(InputError, match=why):
            pack(tree, tmp_path / "a.ucz", dictionary=path)
    assert not (tmp_path / "a.ucz").exists()
    assert given_dictionary(configuration(tree, tmp_path / "a.ucz")) is None
