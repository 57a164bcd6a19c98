"""Entry points of the background workers."""
