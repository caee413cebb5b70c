"""The battery: networks that are drawn, and all that gluonkit computes of them, against Gluon."""
