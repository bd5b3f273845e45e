"""What a run is asked for: which job it is, what is refused, how it ends early."""
