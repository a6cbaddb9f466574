"""Models that run in worker processes of Visus."""
