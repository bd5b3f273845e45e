"""Small files that commands write: there is the whole file, or what was there before."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from ucompress.errors import OutputError


def write_whole(output: Path, content: bytes) -> None:
    """Write a file that has its name only once all of it is on the disk; a link of that name is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    from ucompress.files import sync_folder

    temporary = None
    try:
        if output.exists() and not output.is_file():  # a pipe or a device has its name already
            output.write_bytes(content)
            return
        with NamedTemporaryFile(dir=output.absolute().parent, prefix=".ucompress-", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(output)
        with suppress(OSError):  # the file stands, and all of it is on the disk
            sync_folder(output.absolute().parent)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {output}: {error.strerror or error}; what stood there is untouched"
        ).about(output) from error


def _umask() -> int:
    """The permissions that new files do not get; asking takes setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
