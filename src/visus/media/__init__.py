"""Untrusted media in; media that a model accepts out."""
