"""What the bus has carried before: read from datagrepper, the archive of its messages."""

from .datagrepper import Datagrepper
from .shapes import as_fedmsg
from .window import Window

__all__ = ["Datagrepper", "Window", "as_fedmsg"]
