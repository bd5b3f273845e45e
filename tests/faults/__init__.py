"""Each system call and allocation of a run fails once."""
