"""The fedmsg door: every message of the hub goes into the engine."""

from __future__ import annotations

import logging
import queue
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import fedmsg.crypto.x509
from fedmsg.consumers import FedmsgConsumer
from fedmsg.crypto.utils import load_certificates
from moksha.hub.reactor import reactor
from twisted.internet.error import ReactorNotRunning

from . import service
from .engine import Engine
from .errors import ConfigError, RefusedError, StatscacheError
from .plugins import threads
from .store import meters
from .text import one_line, trace

CONSUMER = "statscache_consumer"
"""The attribute of the hub under which the producers find the consumer."""

SWITCH_SECONDS = 0.001
"""How long one thread may hold Python's lock while another waits. SQLite lets go of it at every
step, and with Python's own 5 ms a busy reactor keeps the journal waiting most of the time."""

INVALID = "Received invalid message"

LONGEST = 1_000
"""Characters of what is said of why it cannot start."""

log = logging.getLogger(__name__)


class StatsConsumer(FedmsgConsumer):  # type: ignore[misc] # fedmsg has no annotations
    """Takes in every message; ends cleanly on SIGTERM and SIGINT.

    Where statscache cannot work as it is configured, the process ends instead of running on
    without it; the log says why, and the cure.
    """

    topic = ""
    config_key = "statscache.consumer.enabled"

    def __init__(self, hub: Any) -> None:
        super().__init__(hub)
        if not self._initialized:
            return
        self._stopped = False
        self._heard = time.time()
        self._ended: float | None = None
        # fedmsg logs each message that it holds for invalid; the engine counts and names them.
        self.log = logging.getLogger(f"{__name__}.fedmsg")
        self.log.addFilter(lambda record: INVALID not in str(record.msg))
        self.engine = _engine(hub.config)
        self.incoming: queue.Queue[Any] = queue.Queue(
            self.engine.config["statscache.consumer.queue"]
        )
        self.engine.measures.watch(meters.QUEUE, self.incoming.qsize)
        setattr(hub, CONSUMER, self)
        sys.setswitchinterval(SWITCH_SECONDS)
        threads.through(reactor.callFromThread)
        reactor.callWhenRunning(self._begin)
        reactor.addSystemEventTrigger("after", "shutdown", self._finish)

    def validate(self, message: dict[str, Any]) -> None:
        """Hold back what is no JSON object or has no valid signature; refusals are counted."""
        try:
            _require_object(message["body"])
            super().validate(message)
        except Exception as error:
            refusal = _refusal(error, message)
            self.engine.refuse(refusal, time.time())
            raise RuntimeWarning(str(refusal)) from error

    def consume(self, message: dict[str, Any]) -> None:
        self.engine.accept(message["body"], message["arrived"], more=not self.incoming.empty())

    def turn(self, seconds: int) -> None:
        """Let the engine count what has been taken in; see `Engine.turn`."""
        if not self._ended:
            now = time.time()
            self.engine.turn(seconds, self._heard if self.incoming.unfinished_tasks else now)

    def stop(self) -> None:
        """Ask the worker to end once it has emptied the queue. A second call does nothing."""
        if not getattr(self, "_stopped", True):
            self._stopped = True
            super().stop()

    def _consume(self, message: dict[str, Any]) -> None:
        """Note the arrival here: the message may wait in the queue."""
        message["arrived"] = time.time()
        super()._consume(message)

    def _do_work(self, message: dict[str, Any]) -> None:
        super()._do_work(message)
        self._heard = message["arrived"]
        if not self.blocking_mode:
            self.incoming.task_done()

    def _begin(self) -> None:
        for socket in self._sockets():
            socket.messageReceived = self._guarded(socket)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_end)
        log.info("listening to the bus")

    def _sockets(self) -> list[Any]:
        """moksha's connections to publishers, those that are open."""
        extensions = (getattr(one, "subscriber_factories", {}) for one in self.hub.extensions)
        return [socket for each in extensions for socket in each.values() if socket.factory]

    def _guarded(self, socket: Any) -> Callable[[list[bytes]], None]:
        """Refuse what moksha cannot read, and would only print a traceback of."""
        receive = socket.messageReceived

        def receive_readable(frames: list[bytes]) -> None:
            try:
                _require_readable(frames)
            except RefusedError as error:
                self.engine.refuse(error, time.time())
            else:
                receive(frames)
            if self._ended:
                # In a flood the reactor would go on reading, and never come to its end.
                socket.shutdown()

        return receive_readable

    def _ask_to_end(self, *_: Any) -> None:
        self._ended = self._ended or time.time()
        reactor.callFromThread(self._end)

    def _end(self) -> None:
        if self._stopped:
            return
        log.info("ending: what has arrived is written to the journal")
        for socket in self._sockets():
            socket.shutdown()
        self.hub.stop()
        try:
            reactor.stop()
        except ReactorNotRunning:
            log.debug("the reactor has stopped by itself")

    def _finish(self) -> None:
        """Take in what still waits, and let go of everything."""
        while not self.incoming.empty():
            message = self.incoming.get_nowait()
            if message is not StopIteration:
                self._do_work(message)
        self.engine.stop(self._ended or time.time())
        log.info("ended cleanly")


def _engine(raw: dict[str, Any]) -> Engine:
    """A started engine; where that fails, the process ends."""
    try:
        config = service.configure(raw)
        _require_crypto(raw)
        engine = service.build(config)
        engine.start(time.time())
    except StatscacheError as error:
        log.critical("statscache cannot start: %s", one_line(str(error), LONGEST))
        sys.exit(1)
    except Exception as error:
        # moksha would run on without statscache.
        log.critical("statscache cannot start\n%s", trace(error))
        sys.exit(1)
    return engine


def _require_crypto(raw: dict[str, Any]) -> None:
    """Where signatures are checked, fedmsg must have what it needs for that."""
    if not raw.get("validate_signatures"):
        return
    if not (fedmsg.crypto.x509._cryptography or fedmsg.crypto.x509._m2crypto):
        raise ConfigError(
            "validate_signatures is True, but fedmsg has nothing to check signatures with and "
            "would reject every message without a word: run `pip install 'statscache[crypto]'`, "
            "or set validate_signatures to False on a bus that you trust"
        )
    try:
        load_certificates(raw["ca_cert_location"], raw["crl_location"])
    except (KeyError, OSError) as error:
        # fedmsg would ask for them with every message, on the thread that reads the bus.
        wrong = f"{error} is not set" if isinstance(error, KeyError) else one_line(str(error))
        raise ConfigError(
            f"validate_signatures is True, but {wrong}: set ca_cert_location to "
            "the file with the certificate of the bus, and crl_location to that with what it "
            "has revoked, or to None"
        ) from error


def _require_readable(frames: list[bytes]) -> None:
    if len(frames) != 2:
        raise RefusedError("not a topic and a body", f"number of frames: {len(frames)}")
    for frame in frames:
        try:
            frame.decode()
        except UnicodeDecodeError:
            raise RefusedError("not UTF-8", one_line(repr(frame), 80)) from None


def _require_object(body: object) -> None:
    if not isinstance(body, dict):
        raise RefusedError("not a JSON object", one_line(repr(body), 80))


def _refusal(error: Exception, message: dict[str, Any]) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    topic = one_line(str(message.get("topic")), 80)
    return RefusedError("not authentic", f"{one_line(str(error), 80)}, topic {topic}")
