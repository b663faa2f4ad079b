"""Word vectors, the user's or made from texts."""
