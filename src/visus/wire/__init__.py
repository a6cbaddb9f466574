"""The wire format of clients: JSON shapes in and out, and server-sent events. No I/O."""
