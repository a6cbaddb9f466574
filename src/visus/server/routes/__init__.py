"""What stands behind each path."""
