"""The parts of the packaging that pyproject.toml cannot say: the migrations live in alembic/."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["statscache", "statscache.*"]),
        "statscache.migrations",
        "statscache.migrations.versions",
    ],
    package_dir={"statscache.migrations": "alembic"},
)
