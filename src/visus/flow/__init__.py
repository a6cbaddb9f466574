"""How requests are answered: chat, estimates, probes."""
