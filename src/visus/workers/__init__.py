"""Killable processes without network or secrets, for work on untrusted bytes and heavy models."""
