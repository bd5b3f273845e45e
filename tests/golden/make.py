"""Makes the golden archives beside this file, and `expected.json`.

    PYTHONPATH=src:tests python -m golden.make

Archives that are committed are never made again for their own sake: they prove that what was written once
is still read. New ones are added here; `--all` rewrites the old ones too, which only a change of the format
before its first release may need.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from unittest.mock import patch

import numpy as np
from blake3 import blake3

from archive.build import Plan, folder, plan_files, stored_pages, write
from golden.handmade import BAD_PAGES, UNSUPPORTED_PAGES, handmade
from golden.patch import Patch, Span, retree
from support import create_machine_code
from ucompress.archive import HOLE, ArchiveHeader, Entry, EntryKind, Extent, Members
from ucompress.archive.format.layout import CRITICAL, check
from ucompress.archive.format.names import write_names_prefixed
from ucompress.archive.writing import encode
from ucompress.archive.writing import index as index_module
from ucompress.archive.writing.placing import place_files

HERE = Path(__file__).parent
TIME = 1_700_000_000_123_456_789
Made = tuple[bytes, Plan | None]


def words(seed: int, size: int) -> bytes:
    """Text that compresses, the same for the same seed."""
    generator = random.Random(seed)
    vocabulary = [bytes(generator.choices(b"abcdefghij", k=generator.randrange(2, 9))) for _ in range(60)]
    return b" ".join(generator.choices(vocabulary, k=size))[:size]


def some_files(count: int = 9, size: int = 700) -> dict[bytes, bytes]:
    """A small tree's files."""
    return {
        b"tree/part%d/file%02d.txt" % (number // 4, number): words(number, size) for number in range(count)
    }


def made(
    plan: Plan, level: int = 3, hash_length: int = 0, dictionary: bytes = b"", **options: object
) -> bytes:
    """An archive's bytes."""
    header = ArchiveHeader(
        level=level,
        content_hash_bytes=hash_length,
        zstd_version=10507 if level <= 3 else 0,
        largest_block=1 << 20,
        decoder_memory=32 << 20,
    )
    with tempfile.TemporaryDirectory() as work, pages_of(level):
        path = Path(work) / "a.ucz"
        write(path, plan, header=header, dictionary=dictionary, **options)  # type: ignore[arg-type]
        return path.read_bytes()


def pages_of(level: int) -> AbstractContextManager[None]:
    """Pages coded by our codec at its own levels, else stored, so that they show the layout plainly."""
    return nullcontext() if level > 3 else stored_pages()


@contextmanager
def reckless() -> Iterator[None]:
    """A writer that checks nothing."""
    careless = patch.object(index_module.IndexWriter, "_validate", lambda self, members: None)
    with careless, patch.object(encode, "write_names", lambda paths, level: write_names_prefixed(paths)):
        yield


def recklessly(*entries: Entry, blocks: int = 4) -> bytes:
    """An archive of entries that no writer may write."""
    plan = Plan(list(entries), [words(number, 100) for number in range(blocks)])
    with reckless():
        return made(plan)


def basic(level: int = 3) -> Plan:
    """Files in several blocks, and their folders."""
    others = [folder(b"tree"), *(folder(b"tree/part%d" % part) for part in range(3))]
    return plan_files(some_files(), block=2000, others=others)


def empty() -> Made:
    plan = Plan()
    return made(plan), plan


def one_file() -> Made:
    plan = plan_files({b"hello.txt": b"Hello, world!\n"})
    return made(plan), plan


def stored() -> Made:
    plan = plan_files({b"noise": random.Random(1).randbytes(3000)}, block=1000)
    return made(plan), plan


def zstd_dictionary() -> Made:
    plan = basic()
    return made(plan, dictionary=words(4, 3000)), plan


def lz_dictionary() -> Made:
    plan = basic()
    return made(plan, level=6, dictionary=words(4, 3000)), plan


def lz_levels() -> Made:
    plan = plan_files({b"big": words(1, 30_000), b"noise": random.Random(2).randbytes(500)}, block=16_384)
    return made(plan, level=4), plan


def mix_dictionary() -> Made:
    plan = basic()
    return made(plan, level=8, dictionary=words(4, 3000)), plan


def mix_level(level: int) -> Callable[[], Made]:
    """Two blocks of text, one flat, one that does not compress."""

    def make() -> Made:
        noise = random.Random(2).randbytes(500)
        files = {b"big": words(1, 4000), b"fields": noise[:60] * 20, b"noise": noise}
        plan = plan_files(files, block=2000)
        return made(plan, level=level), plan

    return make


def filtered() -> Made:
    """Blocks of code and a block of text, with a dictionary of both."""
    code = create_machine_code(24_000)
    plan = plan_files({b"a-program": code[:16_384], b"b-notes": words(1, 9000)}, block=8192)
    return made(plan, level=6, dictionary=words(1, 2000) + code[20_000:]), plan


def tables() -> Made:
    """Records that are told by their planes, and samples that are told by their differences."""
    chance = random.Random(5)
    table = b"".join(
        b"ROW" + number.to_bytes(4, "little") + chance.randbytes(3) + bytes(2) for number in range(1700)
    )
    levels = accumulate((chance.randrange(-9, 10) for _ in range(10_000)), initial=0)
    samples = b"".join(level.to_bytes(2, "little", signed=True) for level in levels)
    plan = plan_files({b"rows": table, b"samples": samples[:20_000]}, block=20_400)
    return made(plan, level=4), plan


def kinds() -> Made:
    plan = plan_files({b"t/a": words(1, 400), b"t/\xff raw\n": b"x", b"t/empty": b""})
    plan.entries = [
        entry._replace(mode=0o640 + number, mtime_ns=TIME + number, xattrs=((b"user.n", b"%d" % number),))
        for number, entry in enumerate(plan.entries)
    ]
    plan.entries += [
        folder(b"t", 0o1777, -1),
        folder(b"t/sub", 0o500, -TIME),
        Entry(b"t/z-hard", EntryKind.HARDLINK, 0o640, target=b"t/a"),
        Entry(b"t/sub/link", EntryKind.SYMLINK, 0o777, TIME, target=b"../../\xfe", xattrs=((b"user.", b""),)),
    ]
    plan.entries.sort(key=lambda entry: entry.path)
    return made(plan), plan


def holes() -> Made:
    plan = plan_files({b"sparse": words(1, 600)}, block=300)
    first, second = plan.entries[0].extents
    gap = Extent(HOLE, 0, 10_000)
    extents = (gap, first, gap, second)
    plan.entries = [
        Entry(b"only-zeros", size=10_000, extents=(gap,)),
        plan.entries[0]._replace(size=20_600, extents=extents),
    ]
    return made(plan), plan


def place_codes() -> Made:
    """Every rule that foresees where a file starts, and none."""
    plan = Plan([], [words(number, 1000) for number in range(4)])
    rows = {
        b"a/one.py": [(1, 500, 100)],
        b"a/three.md": [(0, 0, 50)],
        b"a/two.txt": [(2, 3, 37)],
        b"b/follows": [(2, 40, 10)],
        b"b/one.py": [(1, 600, 100)],
        b"c/before": [(1, 480, 20)],
        b"c/other.md": [(0, 50, 30)],
        b"c/twin": [(2, 40, 10)],
        b"c/twin2": [(2, 40, 10)],
        b"d/after": [(1, 600, 50)],
        b"d/explicit": [(0, 777, 100)],
        b"d/next": [(1, 0, 8)],
        b"d/stands": [(2, 50, 9)],
        b"e/parts": [(3, 0, 200), (HOLE, 0, 5000), (2, 900, 100), (3, 200, 50)],
    }
    for path, spans in rows.items():
        extents = tuple(Extent(*span) for span in spans)
        plan.entries.append(Entry(path, size=sum(e.length for e in extents), extents=extents))
    members = Members.of(plan.entries)
    page = place_files(members, members.paths, members.contents.astype(np.int64))
    assert set(page.codes.tolist()) == set(range(9))
    return made(plan), plan


def hashes(length: int) -> Callable[[], Made]:
    def make() -> Made:
        files = some_files()
        files[b"twin"] = files[b"tree/part0/file01.txt"]
        plan = plan_files(files, block=2000, hashed=True)
        return made(plan, hash_length=length), plan

    return make


def references() -> Made:
    """Blocks coded after another one, a file that needs three of them."""
    plan = plan_files({b"one": words(5, 4000), b"two": words(7, 3000) + words(6, 900)}, block=2000)
    return made(plan, level=6, dictionary=words(4, 900), references={1: 0, 3: 2}), plan


def errata() -> Made:
    plan = plan_files({b"gone": words(1, 500), b"kept": words(2, 500), b"new": words(3, 500)}, block=500)
    planned = {entry.path: entry for entry in plan.entries}
    plan.blocks.append(words(9, 123))
    truth = planned[b"new"]._replace(size=123, extents=(Extent(3, 0, 123),), mtime_ns=TIME)
    rows = [(planned[b"gone"], Entry(b"gone", EntryKind.CANCELLED)), (planned[b"new"], truth)]
    data = made(plan, errata=rows, substituted=[0, 2])
    plan.entries = [planned[b"kept"], truth]
    return data, plan


def many_pages() -> Made:
    files = {b"d%d/n%02d.txt" % (n % 7, n): words(n, 30) for n in range(150)}
    plan = plan_files(files, block=1500)
    with patch.object(index_module, "PAGE_ENTRIES", 16):
        return made(plan), plan


def skippable_section() -> Made:
    plan = basic()
    return bytes(Patch(made(plan)).insert_section(200, 0, b"from a later version").data), plan


def recovery_record() -> Made:
    plan = basic()
    return made(plan, recovery=5), plan


def minor_version() -> Made:
    plan = basic()
    return retree(Patch(made(plan)).set_header(10, 9).set_header(19, 0x80)), plan


def repairable() -> Made:
    """Bursts in dictionary, index and directory, each of them small enough for the parity."""
    plan = basic()
    change = Patch(made(plan, dictionary=words(4, 9000)))
    for span in (change.dictionary, change.index, change.tail):
        change.damage(span.at + 40, 20)
    return bytes(change.data), plan


# -- bad


def changed(action: Callable[[Patch], object]) -> Callable[[], Made]:
    def make() -> Made:
        change = Patch(made(basic(), dictionary=words(4, 3000)))
        action(change)
        return bytes(change.data), None

    return make


def referring(action: Callable[[Patch], object]) -> Callable[[], Made]:
    def make() -> Made:
        change = Patch(references()[0])
        action(change)
        return bytes(change.data), None

    return make


def changed_stored(action: Callable[[Patch], object]) -> Callable[[], Made]:
    def make() -> Made:
        change = Patch(stored()[0])
        action(change)
        return bytes(change.data), None

    return make


def too_many_with_references() -> Made:
    """A file of 20 bytes in two blocks, each with a reference of its own."""
    plan = Plan([], [words(number // 2, 900) for number in range(4)])
    extents = (Extent(1, 0, 10), Extent(3, 0, 10))
    plan.entries = [Entry(b"file", size=20, extents=extents)]
    with reckless():
        return made(plan, level=6, references={1: 0, 3: 2}), None


def hostile(*entries: Entry) -> Callable[[], Made]:
    return lambda: (recklessly(*entries), None)


def cut(end: int) -> Callable[[], Made]:
    return lambda: (made(basic())[:end], None)


def in_block(block: int, offset: int, length: int, path: bytes = b"file") -> Entry:
    return Entry(path, size=length, extents=(Extent(block, offset, length),))


def hard_link(target: bytes) -> Entry:
    return Entry(b"a", EntryKind.HARDLINK, target=target)


def ruin(change: Patch, span: Span) -> None:
    """Damage more of a section than its parity mends."""
    change.damage(span.at + 32, span.length * 2 // 3)


def needed_section(change: Patch) -> None:
    change.insert_section(5, CRITICAL, b"needed").set_header(12, 2)


def wrong_hash() -> Made:
    plan = plan_files({b"a": words(1, 100)}, hashed=True)
    plan.entries = [plan.entries[0]._replace(digest=bytes(32))]
    return made(plan, hash_length=8), None


def wrong_totals(change: Patch) -> None:
    change.directory.entries += 1
    change.rewrite_directory()


def unknown_path_in_errata() -> Made:
    plan = plan_files({b"kept": words(2, 500)}, block=500)
    stranger = Entry(b"unknown", EntryKind.CANCELLED)
    data = made(plan, errata=[(stranger, stranger)])
    change = Patch(data)
    change.directory.entries += 1
    return bytes(change.rewrite_directory().data), None


def wrong_dictionary_digest() -> Made:
    """The dictionary's own digest differs, and every check around it fits."""
    plan = basic()
    with patch("ucompress.archive.writing.writer.check", misleading):
        return made(plan, dictionary=words(4, 3000)), None


def misleading(data: bytes, length: int) -> bytes:
    """`check`, but for the digest of a dictionary."""
    return check(data, length)[:: 1 if length != 16 or len(data) != 3000 else -1]


def between_parts(change: Patch) -> None:
    """Bytes before the first block that belong to nothing."""
    at = change.block(0).at
    blocks = change.directory.blocks
    change.directory.blocks = replace(blocks, at=array("q", [at + 5 for at in blocks.at]))
    change.data[at:at] = b"stray"
    change.rewrite_directory(5)


def by_hand(others: dict[str, object]) -> Callable[[], Made]:
    return lambda: (handmade(one_file()[0], **others), None)  # type: ignore[arg-type]


def unknown_dictionary_codec() -> Made:
    plan = basic()
    with patch("ucompress.archive.writing.writer.code_dictionary", lambda data, _level: (9, data)):
        return made(plan, dictionary=words(4, 3000)), None


SCATTERED = Entry(b"file", size=4, extents=tuple(Extent(block, 0, 1) for block in range(4)))

GOOD: dict[str, Callable[[], Made]] = {
    "an_archive_has_no_members": empty,
    "one_file_has_no_folder": one_file,
    "blocks_are_stored_where_no_codec_helps": stored,
    "zstd_codes_blocks_with_a_raw_dictionary": zstd_dictionary,
    "lz_codes_blocks_pages_and_directory_with_a_dictionary": lz_dictionary,
    "lz_codes_text_and_noise_at_level_4": lz_levels,
    "mixing_codes_blocks_with_a_dictionary": mix_dictionary,
    "mixing_codes_text_fields_and_noise_at_level_7": mix_level(7),
    "mixing_codes_text_fields_and_noise_at_level_9": mix_level(9),
    "machine_code_went_through_the_branch_filter": filtered,
    "tables_and_samples_went_through_the_plane_filters": tables,
    "every_kind_of_member_has_its_attributes": kinds,
    "holes_stand_alone_and_between_extents": holes,
    "every_place_code_and_kind_of_twin_is_used": place_codes,
    "content_hashes_have_8_bytes": hashes(8),
    "content_hashes_have_32_bytes": hashes(32),
    "blocks_are_coded_after_other_blocks": references,
    "errata_cancel_one_member_and_replace_another": errata,
    "members_are_found_by_the_separators_of_many_pages": many_pages,
    "an_unknown_section_is_skipped": skippable_section,
    "a_recovery_record_stands_before_the_directory": recovery_record,
    "a_later_minor_version_is_read": minor_version,
    "parity_mends_dictionary_index_and_directory": repairable,
}
BAD: dict[str, Callable[[], Made]] = {
    "the_magic_is_another_format_s": lambda: (b"PK\3\4" + words(1, 500), None),
    "the_file_ends_within_the_blocks": cut(-800),
    "the_file_ends_within_the_header": cut(50),
    "the_end_magic_is_damaged": changed(lambda c: c.damage(len(c.data) - 4, 1)),
    "the_footer_differs_from_its_check": changed(lambda c: c.damage(len(c.data) - 60, 1)),
    "the_header_is_damaged_and_its_copy_is_not": changed(lambda c: c.damage(20, 1)),
    "the_version_is_damaged_and_not_newer": changed(lambda c: c.damage(8, 1)),
    "the_directory_is_damaged_beyond_repair": changed(lambda c: c.damage(c.tail.at + 32, c.tail.length - 32)),
    "the_index_is_damaged_beyond_repair": changed(
        lambda c: c.damage(c.index.at + 32, c.index.length * 2 // 3)
    ),
    "the_dictionary_is_damaged_beyond_repair": changed(
        lambda c: c.damage(c.dictionary.at + 32, c.dictionary.length * 2 // 3)
    ),
    "the_coded_bytes_of_a_block_are_damaged": changed(lambda c: c.damage(c.block(1).at + 50, 9)),
    "the_header_of_a_block_is_damaged": changed(lambda c: c.damage(c.block(1).at + 16, 1)),
    "the_digest_of_a_block_differs": changed(lambda c: c.set_block(1, digest=bytes(16))),
    "the_check_of_coded_bytes_differs": changed(lambda c: c.set_block(1, coded_check=bytes(8))),
    "the_size_of_a_block_differs_from_the_directory": changed(lambda c: c.set_block(1, decoded_size=1999)),
    "a_block_claims_more_than_8_mib": changed(lambda c: c.set_block(1, decoded_size=(8 << 20) + 1)),
    "a_block_has_the_number_of_another": changed(lambda c: c.set_block(1, number=2)),
    "the_tree_hash_is_of_another_archive": changed(lambda c: c.set_footer(96, bytes(32))),
    "the_directory_counts_a_member_too_many": changed(wrong_totals),
    "the_content_hash_of_a_file_differs": wrong_hash,
    "a_path_leads_out_of_the_folder": hostile(in_block(0, 0, 9, b"../escape")),
    "a_path_begins_at_the_root": hostile(in_block(0, 0, 9, b"/etc/passwd")),
    "a_path_has_a_component_that_is_a_dot": hostile(in_block(0, 0, 9, b"a/./b")),
    "a_path_is_empty": hostile(in_block(0, 0, 9, b"")),
    "paths_are_not_in_order": hostile(in_block(0, 0, 9, b"b"), in_block(0, 9, 9, b"a")),
    "a_path_stands_there_twice": hostile(in_block(0, 0, 9, b"a"), in_block(0, 9, 9, b"a")),
    "an_extent_ends_beyond_its_block": hostile(in_block(3, 90, 11)),
    "an_extent_ends_beyond_any_block": hostile(in_block(3, 8 << 20, 11)),
    "an_extent_is_in_a_block_that_is_not_there": hostile(in_block(4, 0, 1)),
    "a_file_needs_too_many_blocks": hostile(SCATTERED),
    "a_hard_link_leads_to_a_path_that_none_may_have": hostile(
        Entry(b"a", EntryKind.HARDLINK, target=b"../secret")
    ),
    "a_hard_link_stands_before_its_file": hostile(
        Entry(b"a", EntryKind.HARDLINK, target=b"file"), in_block(0, 0, 10)
    ),
    "a_hard_link_leads_to_a_folder": hostile(folder(b"d"), Entry(b"e", EntryKind.HARDLINK, target=b"d")),
    "a_reference_leads_before_the_first_block": referring(lambda c: c.set_reference(1, 2)),
    "a_reference_leads_to_a_block_that_has_one": referring(lambda c: c.set_reference(2, 1)),
    "a_reference_differs_from_the_directory": referring(lambda c: c.set_block(3, reference=3)),
    "a_reference_leads_to_another_block_than_was_used": referring(lambda c: c.set_reference(3, 3)),
    "a_block_of_zstd_has_a_reference": changed(lambda c: c.set_reference(1, 1)),
    "a_stored_block_has_a_reference": changed_stored(lambda c: c.set_reference(1, 1)),
    "a_file_needs_too_many_blocks_with_their_references": too_many_with_references,
    "the_index_cancels_a_member": hostile(Entry(b"a", EntryKind.CANCELLED)),
    "the_errata_speak_of_a_path_that_the_index_has_not": unknown_path_in_errata,
    "the_digest_of_the_dictionary_differs": wrong_dictionary_digest,
    "bytes_between_parts_belong_to_none": changed(between_parts),
    **{name: by_hand(others) for name, others in BAD_PAGES.items()},
}
UNSUPPORTED: dict[str, Callable[[], Made]] = {
    "the_version_is_2": changed(lambda c: c.set_header(8, 2)),
    "a_feature_is_unknown_and_incompatible": changed(lambda c: c.set_header(12, 1)),
    "the_header_has_a_meaning_for_reserved_bytes": changed(lambda c: c.set_header(50, 1)),
    "the_footer_names_an_earlier_one": changed(lambda c: c.set_footer(88, b"\1")),
    "a_block_is_of_codec_9": changed(lambda c: c.set_block(1, codec=9)),
    "a_block_is_of_filter_15": changed(lambda c: c.set_block(1, codec=0xF1)),
    "a_block_has_a_meaning_for_a_reserved_flag": changed(lambda c: c.set_block_byte(1, 9, 0x80)),
    "a_section_of_type_5_is_critical": changed(
        lambda c: c.insert_section(5, CRITICAL, b"needed").set_header(12, 2)
    ),
    "the_dictionary_is_of_codec_9": unknown_dictionary_codec,
    "a_member_is_of_kind_7": hostile(Entry(b"a", 7)),  # type: ignore[arg-type]
    **{name: by_hand(others) for name, others in UNSUPPORTED_PAGES.items()},
}
CLASSES = {"good": GOOD, "bad": BAD, "unsupported": UNSUPPORTED}


def describe(plan: Plan) -> dict[str, list[object]]:
    """What a reader must find, member by member: kind, mode, time, size, hash of the content or target."""
    known = {entry.path: entry for entry in plan.entries}
    members: dict[str, list[object]] = {}
    for entry in plan.entries:
        content = entry.target
        origin = known[entry.target] if entry.kind is EntryKind.HARDLINK else entry
        if origin.kind is EntryKind.FILE:
            content = b"".join(
                bytes(length) if block == HOLE else plan.blocks[block][offset : offset + length]
                for block, offset, length in origin.extents
            )
        name = entry.path.decode("latin-1")
        facts = [entry.kind.name, origin.mode, origin.mtime_ns, origin.size, blake3(content).hexdigest()]
        members[name] = [*facts, [[n.hex(), v.hex()] for n, v in entry.xattrs]]
    return members


def main(arguments: list[str]) -> None:
    """Make what is missing."""
    expected: dict[str, object] = {}
    known = HERE / "expected.json"
    if known.exists():
        expected = json.loads(known.read_text())
    for kind, makers in CLASSES.items():
        for name, make in makers.items():
            path = HERE / kind / f"{name}.ucz"
            if path.exists() and "--all" not in arguments:
                continue
            data, plan = make()
            path.write_bytes(data)
            print(f"{kind}/{path.name}: {len(data)} bytes")
            if plan is not None:
                expected[name] = describe(plan)
    known.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
