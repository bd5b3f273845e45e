"""An archive of one file whose index page is put together field by field, each of which may be another.

With no other field it is, byte for byte, what the writer makes of that file (`one_file` in `make.py`).
"""

from __future__ import annotations

from unittest.mock import patch

from fuzz.rebuild import PagePart, Parts
from golden.patch import Patch, retree
from ucompress.archive.format.layout import PageHeader, check

FIELDS = {
    # 6.3
    "distinct": b"\1",
    "kinds": b"\0",
    "modes": b"\2\xa4\1",
    "which": b"\0",
    # 6.4
    "name_coding": b"\0",
    "shared": b"\0",
    "suffixes": b"\x0ahello.txt\0",
    # 6.5
    "unit": b"\x09",
    "time_coding": b"\0",
    "first": b"\0",
    "times": b"\1",
    "time_steps": b"\0",
    "time_rows": b"\0",
    # 6.6
    "shapes": b"\1\2",
    "twins": b"\0",
    "sizes": b"\1\x0e",
    "places": b"\0",
    "lengths": b"\0",
    "distances": b"\0",
    "block_steps": b"\0",
    "offsets": b"\0",
    # 6.8
    "targets": b"",
    # 6.9
    "xattrs": b"\0",
    # 6.2: nothing is left over
    "rest": b"",
}


def handmade(archive: bytes, *, codec: int = 0, reserved: bytes = bytes(3), **others: bytes) -> bytes:
    """That archive with other fields in its page, every check around them right.

    Args:
        archive: the archive of one file.
        codec: what the page's header names.
        reserved: bytes 13 to 15 of the page's header.
        others: fields of the page, by the names in `FIELDS`.
    """
    assert others.keys() <= FIELDS.keys()
    parts = Parts.of(archive)
    page = b"".join((FIELDS | others).values())
    parts.index = [PagePart(page, 1, b"")]

    def wrap(_codec: int, coded: bytes, decoded_size: int, entries: int) -> bytes:
        body = WRAP(codec, coded, decoded_size, entries)[:13] + reserved
        return body + check(body + coded, 8) + coded

    with patch.object(PageHeader, "wrap", wrap):
        data = parts.to_bytes()
    return retree(Patch(data))


WRAP = PageHeader.wrap
LINK = {"kinds": b"\1\2", "shapes": b"\0", "sizes": b"\0"}
"""A symbolic link in the file's place, its target left open."""

BAD_PAGES: dict[str, dict[str, bytes]] = {
    "a_mode_has_more_than_twelve_bits": {"modes": b"\2\xa4\x11"},
    "a_number_takes_more_bytes_than_it_needs": {"distinct": b"\x81\0"},
    "a_number_takes_more_bytes_than_any_may": {"distinct": b"\x81" + b"\x80" * 8 + b"\1"},
    "a_column_takes_more_planes_than_it_needs": {"modes": b"\3\xa4\1\0"},
    "a_column_takes_more_planes_than_any_may": {"modes": b"\x09\xa4\1" + bytes(6) + b"\1"},
    "a_member_has_a_row_outside_the_table_of_kinds": {"which": b"\1\1"},
    "a_name_shares_bytes_with_no_name_before_it": {"shared": b"\1\1"},
    "a_page_has_more_names_than_members": {"suffixes": b"\x0ahello\0txt\0"},
    "a_page_has_a_name_that_nothing_closes": {"suffixes": b"\x09hello.txt"},
    "names_are_coded_in_no_way_that_there_is": {"name_coding": b"\2"},
    "a_time_is_beyond_64_bits": {"first": b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\1"},
    "a_time_is_in_units_that_there_are_not": {"unit": b"\x0a"},
    "a_twin_has_no_file_before_it": {"shapes": b"\1\1", "twins": b"\1\1", "sizes": b"\0", "places": b"\0"},
    "a_file_of_no_bytes_has_an_extent": {"sizes": b"\0"},
    "a_place_has_a_code_that_there_is_not": {"places": b"\1\x09"},
    "a_place_follows_a_file_that_is_not_there": {"places": b"\1\1"},
    "a_place_follows_an_extent_that_is_not_there": {"places": b"\1\5", "distances": b"\1\1"},
    "a_place_is_in_a_block_below_zero": {"places": b"\1\x08", "block_steps": b"\1\1"},
    "lengths_are_more_than_the_file_has": {"shapes": b"\1\3", "places": b"\0", "lengths": b"\1\x0e"},
    "a_symbolic_link_leads_to_an_empty_path": {**LINK, "targets": b"\1\0"},
    "a_page_has_more_targets_than_links": {**LINK, "targets": b"\4a\0b\0"},
    "attributes_are_not_in_order": {"xattrs": b"\1\2\6user.b\1x\6user.a\1x\1\1"},
    "a_member_has_attributes_outside_the_table": {"xattrs": b"\1\1\6user.a\1x\1\2"},
    "a_page_ends_within_a_field": {"xattrs": b"\1"},
    "a_page_has_bytes_left_over": {"rest": b"\0"},
}
UNSUPPORTED_PAGES: dict[str, dict[str, object]] = {
    "a_page_is_of_codec_9": {"codec": 9},
    "a_page_has_a_meaning_for_reserved_bytes": {"reserved": b"\0\0\1"},
}
