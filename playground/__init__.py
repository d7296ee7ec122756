"""Latency Playground: see what makes a language model fast or slow."""

__version__ = "0.1.0"
