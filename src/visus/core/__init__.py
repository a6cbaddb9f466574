"""Plain frozen values that every part shares; the standard library only."""
