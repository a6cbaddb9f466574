# What Visus uses of redis-py, whose own annotations leave much unknown.
