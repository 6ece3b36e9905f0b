"""Primitives and loops with their derivatives, and what a trace tells of them."""
