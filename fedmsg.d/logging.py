# What the hub writes to standard output, in the form of logging.config.dictConfig.
_quiet = {"level": "WARNING", "propagate": False, "handlers": ["console"]}

config = {
    "logging": {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "bare": {
                "datefmt": "%Y-%m-%d %H:%M:%S",
                "format": "%(asctime)s %(levelname)-8s %(name)s: %(message)s",
            },
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "bare",
                "level": "INFO",
                "stream": "ext://sys.stdout",
            },
        },
        "loggers": {
            "fedmsg": _quiet,
            # Speaks of every message, with its body; statscache counts what it refuses, and names
            # the first.
            "fedmsg.crypto": {"level": "CRITICAL"},
            # Complains at every start where Fedora's processors are not installed.
            "fedmsg.meta": {"level": "ERROR"},
            "moksha": _quiet,
            "statscache": {"level": "INFO", "propagate": False, "handlers": ["console"]},
        },
    },
}
