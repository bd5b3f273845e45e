"""The dictionary that the user gives, read once: what names a run's job is what its blocks are coded with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.codec.levels import DICTIONARY_LIMIT
from ucompress.config import MIB
from ucompress.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from ucompress.config import CompressionConfig


def given_dictionary(config: CompressionConfig) -> bytes | None:
    """The bytes of the dictionary that a run is told to use; None where it makes its own.

    Raises:
        InputError: it cannot be read, or is larger than any may be.
    """
    return None if config.dictionary is None else _read(config.dictionary)


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"the dictionary {path} is no regular file; nothing was written").about(path)
        with path.open("rb") as file:
            dictionary = file.read(DICTIONARY_LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot read the dictionary {path}: {error.strerror}; nothing was written").about(
            path
        ) from error
    if len(dictionary) > DICTIONARY_LIMIT:
        raise InputError(
            f"the dictionary {path} is larger than {DICTIONARY_LIMIT // MIB} MiB; nothing was written"
        ).about(path)
    return dictionary
