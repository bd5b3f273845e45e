"""What importing costs: the command line's parts are loaded by the command line only."""

import subprocess
import sys

import ucompress

HEAVY = (
    "numpy",
    "sqlite3",
    "blake3",
    "pathspec",
    "xxhash",
    "ucompress._core",
    "backports.zstd",
    "dask",
    "distributed",
)


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines())


def test_the_package_loads_neither_typer_nor_rich():
    assert not {"typer", "rich"} & loaded_after("import ucompress")


def test_nor_do_its_public_names():
    code = "import ucompress\nfor name in ucompress.__all__: getattr(ucompress, name)"
    assert not {"typer", "rich", "dask", "distributed"} & loaded_after(code)


def test_help_loads_nothing_that_it_does_not_need():
    code = "import sys\nsys.argv = ['ucompress', '--help']\nfrom ucompress.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit as end:\n    assert end.code in (0, None), end.code"
    assert not set(HEAVY) & loaded_after(code)


def test_reading_an_archive_loads_no_numpy(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"a line of text\n" * 999)
    archive = tmp_path / "tree.ucz"
    ucompress.compress(tmp_path / "tree", archive)
    code = f"import ucompress\nwith ucompress.open({str(archive)!r}) as archive:\n"
    code += "    archive.read('tree/file')\n    archive.verify()\n"
    code += f"    archive.extract({str(tmp_path / 'copy')!r})"
    loaded = loaded_after(code)
    assert "ucompress.archive.extracting.extract" in loaded
    assert not {"numpy", "sqlite3", "ucompress.archive.writing.writer", "ucompress.pipeline"} & loaded
