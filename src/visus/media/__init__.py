"""Untrusted media in, fitted media out."""
