"""One dialect for each upstream language; identical upstreams are rows of data."""
