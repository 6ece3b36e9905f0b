"""An experiment of each family, for seconds: it learns what chance and luck do not.

The settings are short, the thresholds what a broken rule, gradient or source cannot
reach: far from chance, some way from what these settings come to.
"""
