"""Killable processes without network or secrets: for untrusted bytes and heavy models."""
