"""What is refused before any work, and what a refusal leaves as it was."""

import ast
import json
import os
import re
import sqlite3

import pytest

from support import fill_codebase
from ucompress.database import APPLICATION_ID


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder to stand in, with a small tree."""
    fill_codebase(tmp_path / "tree", 20, 1500)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def documents(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


@pytest.mark.parametrize("command", ["compress", "analyze"])
def test_an_input_that_is_not_there_leaves_nothing_behind(ucompress, work, command):
    done = ucompress(command, "tree", "missing", *(["-o", "a.ucz"] if command == "compress" else []))
    assert done.code == 1
    assert done.err == "ucompress: cannot read missing: No such file or directory; nothing was written\n"
    assert [path.name for path in work.iterdir()] == ["tree"]


def test_a_folder_is_no_output_whatever_the_options(ucompress, work):
    for options in ([], ["--force"]):
        done = ucompress("compress", "tree", "-o", "tree", *options)
        assert done.code == 2
        assert "the output tree is a folder" in done.err


def test_a_target_that_is_no_folder(ucompress, work):
    ucompress("compress", "tree", "-q")
    (work / "file").touch()
    for target in ("file", "file/below"):
        done = ucompress("extract", "tree.ucz", "-C", target)
        assert done.code == 1
        assert "no folder; nothing was written" in done.err


@pytest.mark.parametrize(
    "words", [["list"], ["compress", "tree", "--nope"], ["analyze", "tree", "--min-length", "3"]]
)
def test_words_that_cannot_be_understood_are_told_as_json_too(ucompress, work, words):
    done = ucompress(*words, "--json")
    assert done.code == 2
    (row,) = documents(done)
    assert (row["type"], row["fatal"], row["kind"], row["exit_code"]) == ("error", True, "UsageError", 2)
    assert row["message"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["compress", ""], "PATH"),
        (["compress", "tree", "", "-o", "a.ucz"], "PATH"),
        (["compress", "tree", "-o", ""], "--output"),
        (["compress", "tree", "--database="], "--database"),
        (["list", ""], "ARCHIVE"),
        (["cat", "tree.ucz", ""], "MEMBER"),
        (["extract", "tree.ucz", "-C", ""], "--directory"),
        (["compress", "tree", "-o", "nowhere/"], "--output"),
    ],
)
def test_no_word_is_taken_for_another_path(ucompress, work, words, named):
    """An empty word, as of a variable not set, is not the current folder; a folder's name is no file's."""
    ucompress("compress", "tree", "-q")
    before = sorted(work.rglob("*"))
    done = ucompress(*words, "--json") if words[0] != "cat" else ucompress(*words)
    assert done.code == 2
    assert f"Invalid value for '{named}" in (done.out.decode() or done.err)
    assert sorted(work.rglob("*")) == before


def test_the_name_of_a_folder_may_end_in_a_slash(ucompress, work):
    assert ucompress("compress", "tree/", "-q").code == 0
    assert ucompress("extract", "tree.ucz", "tree/", "-C", "out/").code == 0
    assert (work / "out" / "tree").is_dir()


def test_the_usage_tells_what_may_be_named_more_than_once(ucompress):
    assert "ARCHIVE} {MEMBER...}" in ucompress("cat", "--help").out.decode()


def test_options_in_effect_are_told_a_line_each(ucompress, work):
    done = ucompress("compress", "tree", "-v", "-q", "--exclude", "*.c", "--exclude", "*.h")
    lines = done.err.splitlines()
    assert {"level: 6", "exclude: *.c", "exclude: *.h", "pipeline memory_limit_mb: 1024"} <= set(lines)
    assert not any("{" in line or "None" in line for line in lines)
    assert not any(line.startswith("versions zstd") for line in lines), "zstd has no part in level 6"
    lines = ucompress("compress", "tree", "-v", "-q", "-3").err.splitlines()
    assert any(line.startswith("versions zstd: 1") for line in lines)


def test_where_the_archive_is(ucompress, work):
    assert ucompress("compress", "tree").err.endswith("The archive is tree.ucz\n")
    assert "The archive" not in ucompress("compress", "tree", "--json").err
    assert ucompress("compress", "tree", "-q").err == ""
    assert "The archive" not in ucompress("compress", "tree", "-o", "-").err


def test_what_a_database_counts_is_told_in_words_that_fit(ucompress, work):
    ucompress("analyze", "tree", "--database", "p.db", "-q")
    assert b" in 1 corpus\n" in ucompress("db", "info", "--database", "p.db").out


def test_a_database_by_name_that_is_not_there(ucompress, work):
    for command in ("status", "resume"):
        done = ucompress(command, "--database", "none.db")
        assert (done.code, done.err) == (14, "ucompress: there is no database none.db\n")


@pytest.mark.parametrize("command", ["compress", "analyze"])
@pytest.mark.parametrize("content", [b"Dear all,\n" * 100, b"x"])
def test_somebody_elses_file_is_no_database(ucompress, work, command, content):
    (work / "letter.txt").write_bytes(content)
    done = ucompress(command, "tree", "--database", "letter.txt")
    assert done.code == 2
    assert "letter.txt is no database of ucompress, and was left untouched" in done.err
    assert (work / "letter.txt").read_bytes() == content
    assert sorted(path.name for path in work.iterdir()) == ["letter.txt", "tree"]


def test_an_empty_file_becomes_the_database(ucompress, work):
    (work / "p.db").touch()
    assert ucompress("analyze", "tree", "--database", "p.db").code == 0
    assert (work / "p.db").stat().st_size > 0


def our_mark(content):
    return content[:68] + APPLICATION_ID.to_bytes(4, "big") + content[72:]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("compression_patterns.db", b"under our own name\n" * 300),
        ("p.db", b"SQLite format 3\0" + b"and nothing good behind it\n" * 300),
        ("p.db", our_mark(b"the header is gone but for our mark\n" * 300)),
    ],
)
def test_a_damaged_database_is_moved_aside_with_a_warning(ucompress, work, name, content):
    for option in ("-q", "--json"):
        (work / name).write_bytes(content)
        done = ucompress("analyze", option, "tree", "--database", name)
        assert done.code == 0
        told = done.err if option == "-q" else done.out.decode()
        assert f"{name}.corrupt-" in told
    assert (work / f"{name}.corrupt-2").read_bytes() == content


@pytest.mark.parametrize("command", ["compress", "analyze"])
@pytest.mark.parametrize("in_use", [False, True])
def test_another_programs_database_stays_in_its_place(ucompress, work, command, in_use):
    sql = sqlite3.connect("p.db", isolation_level=None)
    sql.execute("PRAGMA journal_mode = WAL")
    sql.execute("CREATE TABLE bookmarks (url)")
    if not in_use:
        sql.close()
    before = (work / "p.db").read_bytes()
    done = ucompress(command, "tree", "--database", "p.db")
    assert done.code == 2
    assert "p.db is no database of ucompress, and was left untouched" in done.err
    assert (work / "p.db").read_bytes() == before
    assert not [
        path.name for path in work.iterdir() if path.name not in ("p.db", "p.db-wal", "p.db-shm", "tree")
    ]
    sql.close()


def test_another_programs_database_under_our_own_name_is_moved_aside_as_what_it_is(ucompress, work):
    with sqlite3.connect("compression_patterns.db") as sql:
        sql.execute("CREATE TABLE bookmarks (url)")
    sql.close()
    before = (work / "compression_patterns.db").read_bytes()
    done = ucompress("compress", "-q", ".", "-o", "a.ucz")
    assert done.code == 0
    assert "compression_patterns.db was not a database of ucompress; it was moved to" in done.err
    assert (work / "compression_patterns.db.foreign-1").read_bytes() == before
    assert not [name for name in ucompress("list", "a.ucz").out.split() if b".db" in name]


@pytest.mark.parametrize(
    ("output", "database"),
    [("a.ucz", "a.ucz"), ("a.ucz", "./tree/../a.ucz"), ("p.db-wal", "p.db"), ("p.db", ".p.db.partial")],
)
def test_the_database_cannot_be_the_output(ucompress, work, output, database):
    done = ucompress("compress", "tree", "-o", output, "--database", database)
    assert done.code == 2
    assert "both the output and the database" in done.err
    assert [path.name for path in work.iterdir()] == ["tree"]


def test_too_little_memory_is_refused_with_the_remedy(ucompress, work):
    done = ucompress("compress", "tree", "--memory-limit", "1")
    assert done.code == 16
    remedy = re.compile(r"exceeded: (\d+)MB > 1MB\b.*--memory-limit \1 or more", re.DOTALL)
    assert remedy.search(done.err)
    assert not (work / "tree.ucz").exists()
    row = documents(ucompress("compress", "tree", "--memory-limit", "1", "--json"))[-1]
    assert remedy.search(row["message"])
    # A refused job is not there to be resumed.
    assert ucompress("resume").code == 14


def test_include_that_matches_nothing_is_told(ucompress, work):
    for command in ("compress", "analyze"):
        done = ucompress(command, "-q", "tree", "--include", "*.rs", "--include", "*.zig")
        assert (done.code, done.out) == (0, b"")
        assert "nothing matches --include *.rs *.zig: no file was taken" in done.err
        assert ucompress(command, "-q", "tree", "--include", "*.py").err == ""


def test_counts_are_those_of_the_run_and_the_same_everywhere(ucompress, work):
    fill_codebase(work / "other", 20, 1500, seed=7)
    (work / "tree" / "link").symlink_to("nowhere")
    assert ucompress("compress", "tree").code == 0
    alone = documents(ucompress("compress", "tree", "--json", "--database", "fresh.db"))[-1]
    assert ucompress("analyze", "other").code == 0
    summary = documents(ucompress("compress", "tree", "--json", "--no-resume"))[-1]
    assert summary["patterns_found"] == alone["patterns_found"] > 0
    info = documents(ucompress("info", "tree.ucz", "--json"))[0]
    shared = ("files", "members", "dictionary_bytes", "archive_bytes", "original_bytes", "blocks")
    assert {name: summary[name] for name in shared} == {name: info[name] for name in shared}
    assert summary["files"] == 20 < summary["members"]
    for name in ("dictionary_coded_bytes", "index_bytes", "unique_bytes"):
        assert summary[name] == info["extra"][name]
    saved = summary["saved_bytes"]
    assert info["saved_bytes"] == {
        "files": saved["files"],
        "segments": saved["segments"],
        "coding": saved["patterns"] + saved["context"],
    }
    assert sum(info["saved_bytes"].values()) == info["original_bytes"] - info["archive_bytes"] > 0


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["compress", "missing"], "missing"),
        (["compress", "tree", "-o", "tree"], "tree"),
        (["compress", "tree", "-o", "no/a.ucz"], "no/a.ucz"),
        (["compress", "tree", "-o", "letter"], "letter"),
        (["compress", "tree", "--dictionary", "none"], "none"),
        (["analyze", "tree", "--database", "letter"], "letter"),
        (["list", "missing.ucz"], "missing.ucz"),
        (["verify", "letter"], "letter"),
        (["extract", "letter"], "letter"),
        (["patterns", "--database", "none.db"], "none.db"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)
def test_errors_as_json_name_the_file(ucompress, work, words, path):
    (work / "letter").write_bytes(b"Dear all,\n" * 200)
    row = documents(ucompress(*words, "--json"))[-1]
    assert (row["type"], row["fatal"], row["path"]) == ("error", True, path)


def test_the_table_of_patterns(ucompress, work):
    ucompress("analyze", "tree")
    rows = documents(ucompress("patterns", "--json", "-n", "1000"))
    lines = ucompress("patterns", "-n", "1000").out.decode().splitlines()[1:]
    assert len(lines) == len(rows)
    assert max(len(row["text"]) for row in rows) > 40
    for line, row in zip(lines, rows, strict=True):
        assert ast.literal_eval(line[line.index('"') :]) == row["text"]
    done = ucompress("patterns", "--min-frequency", "100000")
    assert (done.code, done.out) == (0, b"")
    assert "holds no such pattern" in done.err


def test_analyze_tells_how_to_see_the_patterns(ucompress, work):
    assert "`ucompress patterns`" in ucompress("analyze", "tree").err
    assert (
        "`ucompress patterns --database 'my patterns'`"
        in ucompress("analyze", "tree", "--database", "my patterns").err
    )
    assert "nothing is kept" in ucompress("analyze", "tree", "--database", ":memory:").err


def test_status_of_no_job_has_no_prefix(ucompress, work):
    done = ucompress("status")
    assert done.code == 14
    assert done.err.startswith("ucompress: no job is known")


@pytest.mark.skipif(os.name == "nt", reason="links take rights there")
@pytest.mark.parametrize("command", ["compress", "repair", "train"])
@pytest.mark.parametrize("leads_to", ["an archive", "a file", "nothing"])
def test_a_link_at_the_outputs_name_is_replaced_with_force_only(ucompress, tmp_path, command, leads_to):
    fill_codebase(tmp_path / "tree", 10, 2000)
    packed, link, end = tmp_path / "packed.ucz", tmp_path / "link", tmp_path / "end"
    options = ["--database", ":memory:", "-3"]
    assert ucompress("compress", tmp_path / "tree", "-o", packed, "--recovery", "5", *options).code == 0
    whole = packed.read_bytes()
    if leads_to != "nothing":
        end.write_bytes(whole if leads_to == "an archive" else b"mine")
    before = end.read_bytes() if end.exists() else None
    packed.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    link.symlink_to("end")
    words = [command, packed if command == "repair" else tmp_path / "tree", "-o", link]
    words += options if command == "compress" else []
    done = ucompress(*words)
    assert done.code == 1
    assert f"{link} is a link, which is not followed; it was left alone" in done.err
    assert link.is_symlink()
    assert ucompress(*words, "--force").code == 0
    assert link.is_file() and not link.is_symlink()
    assert (end.read_bytes() if end.exists() else None) == before


def test_a_folder_is_no_database_that_is_gone(ucompress, work):
    for command, code in (("status", 14), ("resume", 14), ("patterns", 1)):
        done = ucompress(command, "--database", "tree")
        assert (done.code, done.err) == (code, "ucompress: tree is no file, and so no database\n")


def test_what_keeps_nothing_has_nothing_to_show(ucompress, work):
    for words, code in ((["status"], 14), (["resume"], 14), (["patterns"], 1), (["db", "info"], 1)):
        done = ucompress(*words, "--database", ":memory:")
        assert done.code == code
        assert ":memory: keeps no" in done.err
        assert "makes one" not in done.err
