"""Visus: open, self-hostable AI Foundation Services for vision."""
