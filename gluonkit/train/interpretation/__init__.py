"""What a network got wrong: `interpret`, and what it returns."""
