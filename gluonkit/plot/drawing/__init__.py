"""Drawing networks as layered graphs."""
