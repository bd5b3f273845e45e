"""The documents say what the program does: commands, options, exit codes, links and code."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import ucompress
from support import tree_facts
from ucompress._core import compress_block
from ucompress.cli.app import app

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands
SHOWN = sorted(name for name, command in COMMANDS.items() if not command.hidden)
LONG_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def section(name: str) -> str:
    """What docs/cli.md says of one command."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", CLI, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section on {name}"
    return found.group(1)


def options_of(name: str) -> set[str]:
    parameters = COMMANDS[name].params
    words = {word for parameter in parameters for word in (*parameter.opts, *parameter.secondary_opts)}
    return {word for word in words if word.startswith("--")}


@pytest.mark.parametrize("name", SHOWN)
def test_every_command_and_option_is_described(name):
    assert COMMANDS[name].help
    assert options_of(name) - {"--help"} <= set(LONG_OPTION.findall(section(name)))


@pytest.mark.parametrize("name", SHOWN)
def test_no_option_is_described_that_does_not_exist(name):
    known = options_of(name).union(*map(options_of, SHOWN)) if name == "train" else options_of(name)
    assert set(LONG_OPTION.findall(section(name))) - {"--patch-from"} <= known


def test_every_option_has_help():
    for name in SHOWN:
        for parameter in COMMANDS[name].params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_the_table_of_exit_codes_is_fresh():
    script = ROOT / "scripts" / "exit_codes.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False)
    assert done.returncode == 0, "run: python scripts/exit_codes.py"


def test_the_readme_uses_commands_that_exist():
    used = re.findall(r"^\$ ucompress (\w+)", README, re.MULTILINE)
    assert {"compress", "list", "cat", "extract", "verify"} <= set(used) <= set(COMMANDS)


def test_the_readme_calls_names_that_exist():
    code, _ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    attributes = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "ucompress"
    }
    assert {"compress", "open", "decompress"} <= attributes <= set(ucompress.__all__)


def test_what_the_readme_does_with_trees_works(monkeypatch, tmp_path, capsys):
    code, _ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.c").write_bytes(b"int main(void) { return 0; }\n")
    (tmp_path / "src" / "data.bin").write_bytes(bytes(range(256)) * 8)
    found = {}
    exec(compile(code, "README.md", "exec"), found)
    assert float(capsys.readouterr().out) == found["result"].statistics.ratio
    assert found["text"] == b"int main(void) { return 0; }\n"
    assert found["chunk"] == (bytes(range(256)) * 8)[1000:1100]
    assert tree_facts(tmp_path / "copy" / "src") == tree_facts(tmp_path / "src")


def test_what_the_readme_does_with_kernels_works_and_gains(monkeypatch):
    _, code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(ROOT)
    found = {}
    exec(compile(code, "README.md", "exec"), found)
    assert 0 < found["alike"] <= 16
    assert len(found["coded"]) < len(compress_block(found["new"])) / 4


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]), ids=lambda p: p.name
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_files_that_are_named_exist(path):
    folders = [
        Path(ucompress.__file__).parent,
        *(ROOT / name for name in ("tests", "benchmarks", "docs", "scripts")),
    ]
    known = {file.name for folder in folders for file in folder.rglob("*.*")} | {"setup.py"}
    named = re.findall(r"`(?:[\w.-]+/)*([\w.-]+\.(?:py|h|md|sh))`", path.read_text(encoding="utf-8"))
    assert set(named) <= known


def test_the_map_of_the_house_is_complete():
    house = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = Path(ucompress.__file__).parent
    for path in package.iterdir():
        name = path.name.split(".")[0]
        if name.startswith("__") or path.suffix in (".so", ".pyd", ".c", ".typed"):
            continue
        assert re.search(rf"`{name}(/|\.py|`)", house) or f"{name}/" in house, f"{name} is not on the map"
