"""Installs the plugin of old."""

from setuptools import setup

setup(
    name="elder",
    version="0.1",
    py_modules=["elder"],
    entry_points={"statscache.plugin": ["elder = elder:plugins"]},
)
