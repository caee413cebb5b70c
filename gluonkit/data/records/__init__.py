"""Record files (``.rec``, ``.idx``): read, written, checked and converted. Needs no MXNet."""
