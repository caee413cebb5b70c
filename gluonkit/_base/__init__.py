"""What knows nothing of MXNet: files, tables, checks, the processor, the version."""
