"""A network as a graph, what is done to it, and the graph bound to arrays."""
