"""Which model answers a question, and who runs it."""
