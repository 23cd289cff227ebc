"""`statscache serve`: the web application."""

from __future__ import annotations

import click

from .. import hubconfig
from ..web import create_app
from ..web.server import serve as serve_app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="The port; 0 picks a free one.")
def serve(host: str, port: int) -> None:
    """Serve the statistics over HTTP."""
    serve_app(create_app(hubconfig.read()), host, port)
