"""Who may call: keys, and the database they live in."""
