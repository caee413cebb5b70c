"""Several workers: connecting them, what they exchange, and starting them (``launch``)."""
