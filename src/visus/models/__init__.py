"""The catalogue: which models there are, where they run and what they can take."""
