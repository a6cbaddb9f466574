"""Models that run inside this process's own children."""
