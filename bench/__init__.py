"""Gateways side by side on one machine: what each costs a request, and what ours adds."""
