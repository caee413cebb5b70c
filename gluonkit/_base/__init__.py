"""What knows nothing of MXNet: files, tables, checks of arguments, the processor, signals."""
