"""Section 10."""

from __future__ import annotations

from dataclasses import dataclass

from .conventions import check, number, require, reserved

END_MAGIC = bytes.fromhex("B755435A454E440A")


@dataclass
class Footer:
    header: bytes
    directory_at: int
    directory_length: int
    directory_check: bytes
    tree_hash: bytes


def read_footer(archive: bytes) -> Footer:
    data = archive[-144:]
    require(len(data) == 144 and data[136:] == END_MAGIC, "no footer at the end")
    require(check(data[:128], 8) == data[128:136], "the footer's check differs")
    reserved(number(data[88:96]) == 0, "an earlier generation")
    return Footer(data[:64], number(data[64:72]), number(data[72:80]), data[80:88], data[96:128])
