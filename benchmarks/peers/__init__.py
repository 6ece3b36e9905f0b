"""The same train step in dljax, plain Flax, torch and Keras: how much faster is which?

`python -m benchmarks.peers` runs it. Each library works in a process of its own, on the
same weights and batch; the first losses have to agree before anything is timed.
"""
