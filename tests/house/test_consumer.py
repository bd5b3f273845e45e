"""The native core can be used from outside: an extension that only knows the installed package."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ucompress

SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup
setup(name="consumer", ext_modules=cythonize([Extension("consumer", ["consumer.pyx"])]))
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """The consumer, compiled against the package as it is imported here, far from its sources."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copy(Path(__file__).with_name("consumer.pyx"), folder)
    (folder / "setup.py").write_text(SETUP)
    environment = {**os.environ, "PYTHONPATH": str(Path(ucompress.__file__).parents[1]), "CFLAGS": "-O1"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (module,) = (path for path in folder.glob("consumer*") if path.suffix in (".so", ".pyd"))
    spec = importlib.util.spec_from_file_location("consumer", module)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_kernels_run_on_the_consumers_memory(consumer):
    data = b"a" * 100 + bytes(5000) + b"b"
    assert consumer.zero_runs(data, 4096) == [(100, 5100)]
    assert consumer.common_prefix(b"abcd" * 9 + b"x", b"abcd" * 9 + b"y") == 36


def test_the_door_and_the_consumer_agree(consumer):
    from ucompress import _core

    for data in (b"plain text\n" * 100, bytes(range(256)) * 4, os.urandom(4096)):
        assert consumer.class_of(data) == _core.classify(data)


def test_extension_types_are_known_outside(consumer):
    from ucompress._core import SegmentIndex

    index = SegmentIndex(1 << 16)
    assert consumer.length_of(index) == index.length
    with pytest.raises(TypeError):
        consumer.length_of(b"something else")


def test_hashes_agree(consumer):
    from ucompress import _core

    data = os.urandom(64)
    assert consumer.first_hash(data, 16) == int(_core.rolling_hash(data, 16)[0])


def test_the_codec_works_on_memory_that_python_does_not_know(consumer):
    from ucompress._core import Decoder, Encoder, PrimedDictionary

    primed = PrimedDictionary(b"for key, value in table.items():\n" * 20, 6)
    coded, same = consumer.there_and_back(
        Encoder(primed), Decoder(primed), b"for key, value in table:\n" * 400
    )
    assert same
    assert 0 < coded < 200


def test_what_a_consumer_needs_is_shipped():
    package = Path(ucompress.__file__).parent
    for name in ("__init__.pxd", "_core.pxd", "_core.pyi", "py.typed"):
        assert (package / name).is_file(), name
