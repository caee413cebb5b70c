"""The `gluonkit` command: parses, calls, prints. Nobody imports it."""
