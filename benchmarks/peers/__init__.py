"""The same train step in dljax, plain Flax, torch and Keras: which is faster, by how much.

`python -m benchmarks.peers` runs it. Each library works in a process of its own, on the
same weights and batch; the first losses have to agree before anything is timed.
"""
