"""Which folders make the package. Presets and the FAQ adapter stand beside it in a checkout, and lie inside it once it is installed."""

from setuptools import find_packages, setup

BESIDE = {"playground.presets": "presets", "playground.assets.faq": "assets/faq"}

setup(
    packages=[*find_packages(include=["playground", "playground.*"]), *BESIDE],
    package_dir=BESIDE,
)
