"""gluonkit inside other tools, each a module that needs its package: scikit-learn and others."""
