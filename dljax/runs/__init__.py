"""A run, from its first line on the console to its page: all that `run` does."""
