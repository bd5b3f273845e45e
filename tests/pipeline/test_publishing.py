"""The archive gets its name to nobody's harm, whatever came to have that meanwhile."""

import os

import pytest

import ucompress
from support import fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, configuration, pack
from ucompress import _core
from ucompress.archive.writing.publishing import NOBODY, Occupant, publish
from ucompress.errors import InterruptedJobError, OutputError
from ucompress.files import rename_new
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.writing.assembly import Assembly


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 12, 2000)
    return tmp_path / "tree"


def put_file(path):
    path.write_bytes(b"precious")


def put_link(path):
    path.symlink_to("nowhere")


def put_folder(path):
    path.mkdir()


@pytest.mark.parametrize("put", [put_file, put_link, put_folder])
def test_what_came_to_have_the_name_meanwhile_is_left_alone(tree, tmp_path, monkeypatch, put):
    output = tmp_path / "a.ucz"
    between_plan_and_coding(monkeypatch, lambda: put(output))
    with pytest.raises(OutputError, match=r"came to be while|cannot give") as raised:
        pack(tree, output)
    complete = tmp_path / ".a.ucz.partial"
    assert os.fspath(complete) in str(raised.value)
    assert Occupant.of(output) not in (NOBODY, Occupant.of(complete))
    assert not output.is_file() or output.read_bytes() == b"precious"
    ucompress.decompress(complete, tmp_path / "out")
    assert tree_facts(tmp_path / "out" / "tree") == tree_facts(tree)


def test_an_archive_that_stood_there_is_replaced_and_one_that_came_later_is_not(tree, tmp_path, monkeypatch):
    output, other = tmp_path / "a.ucz", tmp_path / "other.ucz"
    pack(tree, output, level=1)
    first = output.read_bytes()
    pack(tree, other, level=1)
    pack(tree, output, level=4)
    second = output.read_bytes()
    assert first != second
    between_plan_and_coding(monkeypatch, lambda: other.replace(output))
    with pytest.raises(OutputError, match="came to be while"):
        pack(tree, output, level=6)
    assert output.read_bytes() == first


def test_force_replaces_whatever_has_the_name_by_then(tree, tmp_path, monkeypatch):
    output = tmp_path / "a.ucz"
    put_file(output)
    between_plan_and_coding(monkeypatch, lambda: (output.unlink(), put_link(output)))
    pack(tree, output, force=True)
    assert not output.is_symlink()
    ucompress.decompress(output, tmp_path / "out")


def test_resuming_replaces_no_more_than_beginning(tree, tmp_path, monkeypatch):
    output = tmp_path / "a.ucz"
    config = configuration(tree, output, database=tmp_path / "d.db")

    def interrupted(*_, **__):
        raise InterruptedJobError("interrupted", 2)

    with monkeypatch.context() as patched:
        patched.setattr(Assembly, "write_blocks", interrupted)
        with pytest.raises(InterruptedJobError):
            PipelineOrchestrator(config).run()
    put_file(output)
    for go_on in ("run", "resume_from_checkpoint"):
        with pytest.raises(OutputError, match="is no ucompress archive"):
            getattr(PipelineOrchestrator(config), go_on)()
        assert output.read_bytes() == b"precious"
    output.unlink()
    PipelineOrchestrator(config).resume_from_checkpoint()
    ucompress.decompress(output, tmp_path / "out")
    assert tree_facts(tmp_path / "out" / "tree") == tree_facts(tree)


@pytest.fixture(params=["in one step", "after a look"])
def renaming(request, monkeypatch):
    if request.param == "after a look":
        monkeypatch.setattr(_core, "rename_new", lambda *_: 38)
        monkeypatch.setattr("errno.ENOSYS", 38)


@pytest.mark.usefixtures("renaming")
def test_a_rename_replaces_nothing(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    for put in (put_file, put_link, put_folder):
        put(target)
        with pytest.raises(FileExistsError):
            rename_new(os.fsencode(source), os.fsencode(target))
        assert source.read_bytes() == b"new"
        (target.rmdir if put is put_folder else target.unlink)()
    rename_new(os.fsencode(source), os.fsencode(target))
    assert (target.read_bytes(), source.exists()) == (b"new", False)
    with pytest.raises(FileNotFoundError):
        rename_new(os.fsencode(source), os.fsencode(tmp_path / "other"))


def test_a_name_is_given_over_nobody_only_while_there_is_nobody(tmp_path):
    partial, final = tmp_path / "partial", tmp_path / "final"
    partial.write_bytes(b"archive")
    put_file(final)
    with pytest.raises(OutputError, match="left alone"):
        publish(partial, final, NOBODY)
    assert (partial.read_bytes(), final.read_bytes()) == (b"archive", b"precious")
    publish(partial, final, Occupant.of(final))
    assert final.read_bytes() == b"archive"
