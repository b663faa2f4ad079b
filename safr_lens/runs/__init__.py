"""Trained runs: from settings to a run, and from runs to what is measured of them; what the commands call."""
