"""`statscache demo`: a bus, a hub and the web application on this machine."""

from __future__ import annotations

import click


@click.command()
def demo() -> None:
    """Show statscache at work on a bus of invented messages; needs no network."""
