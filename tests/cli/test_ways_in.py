"""The quick way into a command and Typer's give it the same, wherever the quick one answers at all."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from ucompress.cli.app import app
from ucompress.cli.commands import COMMANDS, command_named
from ucompress.cli.declared import plainly_meant
from ucompress.cli.start import spelled_out

TYPER = typer.main.get_command(app)
SPELLINGS = sorted(
    {
        word
        for name in COMMANDS
        for one in TYPER.commands[name].params
        for word in (*one.opts, *one.secondary_opts)
    }
)
VALUES = [
    "",
    "-",
    "--",
    "a",
    "tree/b c",
    "7",
    "0",
    "-3",
    "63",
    "65",
    "999999999999999999999",
    "٣",
    "1_0",
    "raw",
]
WORDS = st.sampled_from(
    [
        *SPELLINGS,
        *VALUES,
        *(f"{option}={value}" for option in SPELLINGS for value in VALUES),
        "-6",
        "-qv",
        "-oX",
    ]
)


def typers(name: str, words: list[str]) -> dict[str, object] | None:
    """The arguments that Typer gives a command; None where it ends otherwise."""
    try:
        with TYPER.commands[name].make_context(name, words) as context:
            return {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in context.params.items()
            }
    except (SystemExit, Exception):
        return None


def whole(name: str, values: dict[str, object]) -> dict[str, object]:
    """With the defaults; an empty list is none. Paths as text: Typer may make them later than it parses."""
    defaults = {key: one.default for key, one in inspect.signature(command_named(name)).parameters.items()}
    return {key: _as_text(None if value == [] else value) for key, value in {**defaults, **values}.items()}


def _as_text(value: object) -> object:
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value) if isinstance(value, Path) else value


@given(name=st.sampled_from(sorted(COMMANDS)), words=st.lists(WORDS, max_size=6))
def test_what_is_plainly_meant_is_what_typer_makes_of_it(name, words):
    words = spelled_out([name, *words])[1:]
    plain = plainly_meant(command_named(name), words)
    if plain is not None:
        known = typers(name, words)
        assert known is not None, "Typer has something to say of this"
        assert whole(name, plain) == whole(name, known)


@pytest.mark.parametrize(
    ("name", "words", "values"),
    [
        ("compress", ["-9", "-q", "src", "-o", "x.ucz"], {"level": 9, "quiet": True}),
        (
            "compress",
            ["a", "b", "--output=x", "--include", "*.c", "--include=*.h"],
            {"include": ["*.c", "*.h"]},
        ),
        ("extract", ["x.ucz", "a", "b", "-C", "to", "-T", "2"], {"members": ["a", "b"], "threads": 2}),
        ("compress", ["a", "--verify"], {"verify": True}),
        ("compress", ["a", "--verify", "--no-verify"], {"verify": False}),
        ("cat", ["-", "a"], {"members": ["a"]}),
        ("status", [], {}),
    ],
)
def test_ordinary_lines_take_the_quick_way(name, words, values):
    plain = plainly_meant(command_named(name), spelled_out([name, *words])[1:])
    assert plain is not None
    assert plain.items() >= values.items()


@given(words=st.lists(WORDS, max_size=6))
def test_a_number_with_a_dash_is_a_level_where_typer_sees_an_option(words):
    """What Typer takes for values stays a value; what it would refuse becomes the level."""
    spelled = spelled_out(["compress", *words])[1:]
    assert len(spelled) == len(words)
    known = typers("compress", list(words))
    if known is not None:
        assert spelled == words


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        (["compress", "a", "-5"], ["compress", "a", "--level=5"]),
        (["compress", "-5", "a", "-q", "-12"], ["compress", "--level=5", "a", "-q", "--level=12"]),
        *(
            ([*words], [*words])
            for words in (
                ("compress", "x", "-o", "-5"),
                ("compress", "x", "-qo", "-5"),
                ("compress", "x", "--database", "-7"),
                ("compress", "x", "--exclude", "-5", "--include", "-5"),
                ("compress", "x", "--", "-5"),
                ("extract", "z.ucz", "-C", "-3"),
                ("extract", "z.ucz", "-3"),
                ("patterns", "-n", "-1"),
                ("list", "n.ucz", "-1"),
                ("analyze", "a", "-6"),
                ("-6", "compress"),
                ("-6",),
                (),
            )
        ),
        (["compress", "-oX", "-5"], ["compress", "-oX", "--level=5"]),
        (["compress", "--output=X", "-5"], ["compress", "--output=X", "--level=5"]),
        (["compress", "-o", "--", "-5"], ["compress", "-o", "--", "--level=5"]),
        (["compress", "--no-verify", "-5"], ["compress", "--no-verify", "--level=5"]),
    ],
)
def test_only_a_level_is_spelled_as_one(words, spelled):
    assert spelled_out(words) == spelled


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("compress", []),
        ("compress", ["--help"]),
        ("compress", ["a", "--threads", "0"]),
        ("compress", ["a", "--threads"]),
        ("compress", ["a", "--outptu", "b"]),
        ("analyze", ["a", "--min-length", "65"]),
        ("cat", ["x.ucz"]),
        ("info", ["x.ucz", "y.ucz"]),
        ("list", ["x.ucz", "--", "-a"]),
        ("train", ["a", "-o", "b", "--format", "zstd"]),
        ("verify", ["-q=1", "x.ucz"]),
        ("verify", ["--quiet=1", "x.ucz"]),
    ],
)
def test_everything_else_is_typers(name, words):
    assert plainly_meant(command_named(name), words) is None


def test_an_ordinary_command_does_not_load_typer(tmp_path):
    (tmp_path / "tree").mkdir()
    code = "import sys\nfrom ucompress.cli.start import run\n"
    code += "run(['compress', 'tree', '-q', '--database', ':memory:'])\nrun(['list', 'tree.ucz'])\n"
    code += "assert not {'typer', 'click', 'pydantic', 'rich'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "tree\n"), done.stderr


def test_help_shows_a_value_only_where_one_is_taken(ucompress):
    text = ucompress("compress", "--help").out.decode()
    for flag in ("--force", "--verify", "--help"):
        (line,) = (line for line in text.splitlines() if f"{flag} " in line)
        assert "<" not in line
        assert "BOOL" not in line
