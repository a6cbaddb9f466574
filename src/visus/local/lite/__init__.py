"""`visus-lite`: perception without a key, a network or a GPU.

It looks, and it answers from what it saw. `evidence` is what looking yields, `look` produces
it, and answering reads nothing else.
"""
