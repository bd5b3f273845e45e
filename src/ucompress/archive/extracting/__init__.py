"""From an archive to a folder, and nowhere else."""
