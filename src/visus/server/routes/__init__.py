"""The handlers of all paths."""
