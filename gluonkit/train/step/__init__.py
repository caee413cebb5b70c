"""Training steps and prediction as graphs, and as plain calls where they cannot be."""
