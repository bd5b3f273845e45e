"""From members and blocks to an archive that has its name; and mending one."""
