"""`statscache serve`: the web application."""

from __future__ import annotations

import logging
import sys

import click

from .. import hubconfig
from ..web import access, create_app
from ..web.server import serve as serve_app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="The port; 0 picks a free one.")
@click.option("--access-log", is_flag=True, help="Log each request, a line each.")
def serve(host: str, port: int, access_log: bool) -> None:
    """Serve the statistics over HTTP."""
    config = hubconfig.read()
    app = create_app(config)
    if access_log:
        access.log.addHandler(logging.StreamHandler(sys.stdout))
        access.log.setLevel(logging.INFO)
    serve_app(app, host, port, config["statscache.app.proxies"])
