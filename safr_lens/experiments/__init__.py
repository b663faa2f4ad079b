"""Several trainings that are compared: the sweep and the demo."""
