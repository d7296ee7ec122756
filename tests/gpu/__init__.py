"""The same spine on a CUDA device: random weights, no network, no page. Skipped where there is no CUDA device.

`pytest tests/gpu --on-cpu` runs what can be run of them with a tiny model on the CPU, so that the tests themselves can be checked anywhere.
"""
