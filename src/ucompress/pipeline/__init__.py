"""The pipeline: from paths to an archive, phase by phase."""
