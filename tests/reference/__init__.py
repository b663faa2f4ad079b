"""Slow loops in plain Python, written from the equations in sections 4 and 6 of the design."""
