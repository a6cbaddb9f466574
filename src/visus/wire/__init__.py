"""How clients spell things: JSON shapes in and out, and server-sent events. No I/O."""
