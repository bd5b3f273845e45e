"""Builds the extensions; everything else stands in pyproject.toml."""

import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGE = Path("src/ucompress")
KERNELS = PACKAGE / "_kernels"
BINDINGS = PACKAGE / "_bindings"

if sys.platform == "win32":
    COMPILE_ARGS = ["/O2"]
else:
    COMPILE_ARGS = ["-O3", "-g0", "-fno-strict-aliasing", "-fvisibility=hidden"]

HEADERS = [str(path) for pattern in ("*.h", "*.pxd") for path in sorted(KERNELS.glob(pattern))]


def extension(source: Path, depends: list[str]) -> Extension:
    """One extension module from one `.pyx` file."""
    name = ".".join(source.relative_to("src").with_suffix("").parts)
    return Extension(
        name,
        [str(source)],
        depends=depends,
        include_dirs=[str(KERNELS)],
        extra_compile_args=COMPILE_ARGS,
    )


kernels = [extension(source, HEADERS) for source in sorted(KERNELS.glob("*.pyx"))]
bindings = [str(path) for path in sorted(BINDINGS.glob("*.pxi"))]
core = extension(PACKAGE / "_core.pyx", HEADERS + bindings)

setup(
    ext_modules=cythonize(
        [*kernels, core],
        include_path=["src"],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
    ),
    package_dir={"": "src"},
)
