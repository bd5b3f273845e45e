"""What every phase shares: memory, workers, progress, signals, what is saved on the way."""
