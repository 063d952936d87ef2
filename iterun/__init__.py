"""iterun: a command-line experiment runner for iterative procedures."""

__version__ = "0.1.0"
