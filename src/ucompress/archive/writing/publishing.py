"""The final name of what was written: given in one step, once all is on the disk, and to nobody's harm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ucompress.errors import OutputError
from ucompress.files import rename_new, sync_folder


class Occupant(NamedTuple):
    """What has a name, as it can be known again.

    Attributes:
        device, inode: of what stands there, a link itself if it is one; None where nothing does.
    """

    device: int | None = None
    inode: int | None = None

    @classmethod
    def of(cls, name: str | os.PathLike[str]) -> Occupant:
        """What has a name now."""
        try:
            status = os.lstat(name)
        except OSError:
            return NOBODY
        return cls(status.st_dev, status.st_ino)


NOBODY = Occupant()


def publish(
    partial: str | os.PathLike[str], final: str | os.PathLike[str], before: Occupant | None = None
) -> None:
    """Give a finished archive its final name: fsync, rename, fsync of the folder.

    Args:
        partial: the finished archive.
        final: its name.
        before: what may be replaced: what had the name when it was last looked at. None: whatever has it.

    Raises:
        OutputError: the rename failed, or something else has the name now, and the partial file and what
            stands at `final` are untouched; or the folder refuses to confirm the name, which the archive has
            by then.
    """
    target = Path(final)
    try:
        with Path(partial).open("rb+") as file:
            os.fsync(file.fileno())
        if before == NOBODY:
            rename_new(os.fsencode(partial), os.fsencode(final))
        elif before is None or before == Occupant.of(final):
            Path(partial).replace(target)
        else:
            raise FileExistsError
    except FileExistsError as error:
        raise OutputError(
            f"{target} came to be while the archive was written, and was left alone; the archive stands "
            f"complete at {os.fspath(partial)}: give it another name, or run the same command with --force "
            "(in Python force=True)"
        ).about(target) from error
    except OSError as error:
        raise OutputError(
            f"cannot give the archive its name {target}: {error.strerror}; "
            f"it stands complete at {os.fspath(partial)}"
        ) from error
    try:
        sync_folder(target.parent)
    except OSError as error:
        raise OutputError(
            f"{target} is complete, but its folder does not confirm that the name is on the disk: "
            f"{error.strerror}; after a power failure it may be gone"
        ).about(target) from error
