"""Installs the plugins of old that have work done beside."""

from setuptools import setup

setup(
    name="lookup",
    version="0.1",
    py_modules=["lookup"],
    entry_points={"statscache.plugin": ["lookup = lookup:plugins"]},
)
