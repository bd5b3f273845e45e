"""Who is working on a job: a lease that a dead process cannot hold.

A process id alone is not enough, because ids are used again. A lease also names when its process
started, which boot of which machine that was, and which open database took it.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary

from ucompress.database.times import utc_now

# How long a lease that cannot be checked from here (another machine, a hidden process) is believed
# after its last sign of life; a running job gives one each second.
BELIEVED = timedelta(seconds=120)

# What took a lease in this process; a database dropped without closing gives its leases up so.
_holders: WeakValueDictionary[str, object] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on a job by one process.

    Attributes:
        pid: the process.
        started: when it started, in the system's own terms; "" where that is unknown.
        boot: the boot during which it started; "" where that is unknown.
        machine: host name and process namespace.
        token: which open database of the process took it.
    """

    pid: int
    started: str
    boot: str
    machine: str
    token: str

    @classmethod
    def take(cls, holder: object) -> Lease:
        """A new lease of this process; it ends with `release`, or with `holder`."""
        pid = os.getpid()
        lease = cls(pid, process_start(pid) or "", boot_id(), machine_id(), os.urandom(8).hex())
        _holders[lease.token] = holder
        return lease

    def release(self) -> None:
        """Give the lease up inside this process."""
        _holders.pop(self.token, None)

    def to_text(self) -> str:
        """The lease as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: object) -> Lease | None:
        """The lease that `text` describes; None if it describes none."""
        try:
            values = json.loads(text) if isinstance(text, str) else None
            lease = cls(**values) if isinstance(values, dict) else None
        except (ValueError, TypeError, RecursionError):
            return None
        if lease is None or type(lease.pid) is not int or lease.pid <= 0:
            return None
        texts = (lease.started, lease.boot, lease.machine, lease.token)
        return lease if all(isinstance(value, str) for value in texts) else None

    def is_alive(self, last_sign: datetime | None) -> bool:
        """Whether the process that took the lease still runs.

        Args:
            last_sign: when the job was last written to.
        """
        recent = last_sign is not None and abs(utc_now() - last_sign) < BELIEVED
        if self.machine != machine_id():
            return recent
        if self.boot != boot_id():
            return False
        if self.pid == os.getpid():
            return self.token in _holders
        if not process_exists(self.pid):
            return False
        started = process_start(self.pid)
        if not started or not self.started:
            return recent
        return started == self.started


@cache
def machine_id() -> str:
    """Host name and, where there are such, the namespace that process ids belong to."""
    try:
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    return f"{platform.node()}/{namespace}"


@cache
def boot_id() -> str:
    """A name for the present boot of this machine; "" where there is none or none is needed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid") if sys.platform == "darwin" else ""


def process_exists(pid: int) -> bool:
    """Whether a process of this id runs."""
    if sys.platform == "win32":
        return process_start(pid) is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return not _is_zombie(pid)


def process_start(pid: int) -> str | None:
    """When a process started, comparable only on one machine; None if that cannot be told."""
    if sys.platform == "win32":
        return _windows_start(pid)
    fields = _stat_fields(pid)
    if fields is not None:
        return fields[19]
    return _output("ps", "-o", "lstart=", "-p", str(pid)) or None


def _stat_fields(pid: int) -> list[str] | None:
    """Fields 3 and on of `/proc/PID/stat`; the name before them may hold blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields if len(fields) > 19 else None


def _is_zombie(pid: int) -> bool:
    fields = _stat_fields(pid)
    return fields is not None and fields[0] in ("Z", "X", "x")


def _output(*command: str) -> str:
    import subprocess

    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, env={**os.environ, "LC_ALL": "C"}, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _windows_start(pid: int) -> str | None:
    """Creation time of a running process on Windows; asking with `os.kill` would end it there."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    query_limited, still_active = 0x1000, 259
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = wintypes.HANDLE
    handle = kernel.OpenProcess(query_limited, False, pid)
    if not handle:
        return None
    try:
        code = wintypes.DWORD()
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel.GetExitCodeProcess(wintypes.HANDLE(handle), ctypes.byref(code))
        known = kernel.GetProcessTimes(wintypes.HANDLE(handle), *map(ctypes.byref, times))
        if not known or code.value != still_active:
            return None
        return str(times[0].dwHighDateTime << 32 | times[0].dwLowDateTime)
    finally:
        kernel.CloseHandle(wintypes.HANDLE(handle))
