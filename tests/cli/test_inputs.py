"""Inputs of which nothing can be packed, and what they must not cost."""

import json
import os
import socket
import subprocess
import sys

import pytest

import ucompress as library
from support import close_folders, fill_codebase
from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.database import PatternDatabase
from ucompress.errors import NoJobError, OutputError
from ucompress.pipeline import orchestrator
from ucompress.scan import scan

COMMAND = [sys.executable, "-m", "ucompress"]


@pytest.fixture
def kept(ucompress, tmp_path, monkeypatch):
    """The bytes of an archive `keep.ucz` in the current folder, beside the tree that it was made of."""
    monkeypatch.chdir(tmp_path)
    fill_codebase(tmp_path / "tree", 10, 500)
    (tmp_path / "empty").mkdir()
    assert ucompress("compress", "tree", "-o", "keep.ucz", "-q", "--database", ":memory:").code == 0
    return (tmp_path / "keep.ucz").read_bytes()


NOTHING = {
    "an empty folder": (["empty"], "no file was taken"),
    "include": (["tree", "--include", "*.cpp"], "no file was taken"),
    "exclude": (["tree", "--exclude", "*"], "no file was taken"),
    "a closed folder": (["closed"], "closed cannot be read"),
    "a closed folder beside files": (["tree", "closed"], "closed cannot be read"),
}


@pytest.mark.parametrize("what", NOTHING)
def test_nothing_does_not_replace_an_archive(ucompress, tmp_path, kept, monkeypatch, what):
    words, why = NOTHING[what]
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "file").write_bytes(b"x")
    close_folders(monkeypatch, b"closed")
    done = ucompress("compress", *words, "-o", "keep.ucz", "-q")
    assert done.code == 1
    assert why in done.err and "keep.ucz is an archive already; it was left alone" in done.err
    assert (tmp_path / "keep.ucz").read_bytes() == kept
    assert not list(tmp_path.glob(".*partial"))
    done = ucompress("compress", *words, "-o", "new.ucz", "-q")
    assert done.code == (3 if "closed" in what else 0)
    assert ("no file was taken" in done.err) == ("files" not in what)
    assert ("nothing in closed can be taken" in done.err) == (what == "a closed folder")
    assert ucompress("verify", "new.ucz").code == 0
    done = ucompress("compress", *words, "-o", "keep.ucz", "-q", "--force")
    assert done.code == (3 if "closed" in what else 0)
    assert (tmp_path / "keep.ucz").read_bytes() != kept


def test_a_named_file_that_is_gone_when_it_is_read_does_not_replace_an_archive(tmp_path, kept, monkeypatch):
    (tmp_path / "file").write_bytes(b"x" * 1000)

    def scan_and_remove(*arguments, **options):
        manifest = scan(*arguments, **options)
        (tmp_path / "file").unlink()
        return manifest

    monkeypatch.setattr(orchestrator, "scan", scan_and_remove)
    with pytest.raises(OutputError, match=r"file cannot be read, and .*keep\.ucz is an archive already"):
        library.compress(["tree", "file"], "keep.ucz")
    assert (tmp_path / "keep.ucz").read_bytes() == kept


def test_links_alone_are_something(ucompress, tmp_path, kept):
    (tmp_path / "empty" / "link").symlink_to("nowhere")
    done = ucompress("compress", "empty", "-o", "keep.ucz", "-q")
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="no FIFOs, sockets and devices by name")
@pytest.mark.parametrize("command", ["compress", "analyze", "train"])
@pytest.mark.parametrize("kind", ["fifo", "link", "socket", "device"])
def test_what_has_no_content_is_refused_by_name(ucompress, tmp_path, kept, command, kind):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "link").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    named = {"device": "/dev/null"}.get(kind, kind)
    done = ucompress(command, named, *(["-o", "out"] if command != "analyze" else []))
    assert done.code == 1
    assert f"{named} is a {'FIFO' if kind == 'link' else kind.replace('fifo', 'FIFO')}" in done.err
    assert f"compress - -o OUT < {named}" in done.err
    assert not (tmp_path / "out").exists() and not (tmp_path / "compression_patterns.db").exists()


@pytest.mark.skipif(os.name == "nt", reason="no shell that substitutes processes")
def test_what_a_shell_makes_of_a_process_is_refused(tmp_path):
    line = ["bash", "-c", 'exec "$@" <(echo hi) -o out.ucz', "bash", *COMMAND, "compress"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is a FIFO" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links take rights there")
def test_a_link_that_is_named_is_told_to_be_one(ucompress, tmp_path, kept):
    (tmp_path / "link").symlink_to("tree")
    done = ucompress("compress", "link", "-o", "link.ucz")
    assert done.code == 0
    assert "link: a link, and not followed: only the link itself is packed" in done.err
    assert ucompress("list", "link.ucz").out == b"link\n"
    for words in (["compress", "link/", "-o", "new.ucz"], ["analyze", "-qv", "link//"]):
        done = ucompress(*words, "--json")
        assert done.code == 2
        assert f"name what it leads to, {tmp_path}/tree" in json.loads(done.out)["message"]
    assert not (tmp_path / "new.ucz").exists()


@pytest.mark.parametrize("command", ["compress", "analyze"])
def test_a_limit_too_small_for_any_job_leaves_nothing(ucompress, tmp_path, kept, command):
    before = sorted(tmp_path.rglob("*"))
    assert ucompress(command, "tree", "--memory-limit", "1", "--database", "new.db").code == 16
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("length", [246, 247, 251, 255])
@pytest.mark.parametrize("letter", ["n", "é"])
def test_an_output_may_have_the_longest_name_there_is(ucompress, tmp_path, kept, length, letter):
    name = (letter * 300).encode()[: length - 5 - (length - 5) % len(letter.encode())].decode() + "n.ucz"
    assert ucompress("compress", "tree", "-o", name, "-q", "--recovery", "10").code == 0
    content = (tmp_path / name).read_bytes()
    assert content != kept
    (tmp_path / "damaged.ucz").write_bytes(content[:-10])
    (tmp_path / name).unlink()
    assert ucompress("repair", "damaged.ucz", "-o", name, "-q").code == 0
    assert (tmp_path / name).read_bytes() == content
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize(
    "words",
    [
        ["patterns", "-n", "9999999999999999999"],
        ["patterns", "--min-frequency", "99999999999999999999"],
        ["analyze", "tree", "--min-frequency", "99999999999999999999"],
        ["compress", "tree", "-T", "99999999999999999999"],
        ["verify", "keep.ucz", "--for", "99999999999999999999", "--position", "p"],
        ["verify", "keep.ucz", "--slice", "1/99999999999999999999"],
        ["compress", "tree", "-10"],
        ["compress", "tree", "--level", "99999999999999999999"],
    ],
    ids=" ".join,
)
def test_numbers_beyond_all_use_are_refused_in_words(ucompress, kept, words):
    done = ucompress(*words, "--json")
    assert done.code == 2
    message = json.loads(done.out)["message"]
    assert any(part in message for part in ("is more than", "choose one from 1 to 9", "nine digits"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["compress", "tree", "--threads", "two"], "two is no whole number"),
        (["compress", "tree", "--memory-limit", "1.5"], "1.5 is no whole number"),
        (["compress", "tree", "--threads", "0"], "0 is less than 1"),
        (["compress", "tree", "--threads", "-2"], "-2 is less than 1"),
        (["compress", "tree", "--recovery", "101"], "101 is more than 100"),
        (["compress", "tree", "--level", "best"], "best is no whole number"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_what_is_no_number_of_an_option_is_told_in_words(ucompress, kept, words, why):
    done = ucompress(*words, "--json")
    assert done.code == 2
    assert why in json.loads(done.out)["message"]


def test_help_speaks_of_no_number_that_nobody_would_write(ucompress):
    assert b"9007199254740991" not in b"".join(ucompress("compress", "--help").out.split())


def test_a_job_that_is_done_by_the_time_it_is_looked_for_is_told_so(tmp_path, kept):
    """It ends between the look at the database and the scan."""
    pipeline = PipelineConfig(database_path=tmp_path / "p.db")
    config = CompressionConfig(inputs=(tmp_path / "tree",), output=tmp_path / "a.ucz", pipeline=pipeline)
    orchestrator.PipelineOrchestrator(config).run()
    with pytest.raises(NoJobError, match="the job is done by now"):
        orchestrator.PipelineOrchestrator(config).resume_from_checkpoint()


def test_a_job_that_runs_is_not_resumed(ucompress, tmp_path, kept, monkeypatch):
    assert ucompress("compress", "tree", "-o", "a.ucz", "-q", "--database", "p.db").code == 0
    with PatternDatabase("p.db") as database:
        database.jobs.open(b"key", {})
        monkeypatch.setattr(orchestrator, "scan", None)
        done = ucompress("resume", "--database", "p.db")
    assert done.code == 17
    assert "is working on" in done.err


@pytest.mark.parametrize("command", ["compress", "analyze", "train"])
def test_what_cannot_be_read_is_told_by_where_it_lies(ucompress, tmp_path, kept, monkeypatch, command):
    (tmp_path / "outer" / "inner" / "closed").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "file").write_bytes(b"here it is, here it is, here it is")
    if os.name != "nt":
        os.mkfifo(tmp_path / "outer" / "inner" / "fifo")
    close_folders(monkeypatch, b"closed")
    words = [command, "outer/inner", *(["-o", "new", "--force"] if command != "analyze" else [])]
    told = ucompress(*words).err
    assert "outer/inner/closed: Permission denied" in told
    assert os.name == "nt" or "outer/inner/fifo: a FIFO" in told
    rows = [json.loads(line) for line in ucompress(*words, "--json").out.splitlines()]
    assert [row["path"] for row in rows if row["type"] == "error"][:1] == ["outer/inner/closed"]
