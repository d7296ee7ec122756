"""What the project promises of its own speed, measured: `python -m tests.benchmarks`. Each module's docstring is its method."""
