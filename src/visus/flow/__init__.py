"""The stories: what happens to a request, each told once."""
