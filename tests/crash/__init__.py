"""States that a power failure may leave, rebuilt from what a run wrote, synced and renamed."""
