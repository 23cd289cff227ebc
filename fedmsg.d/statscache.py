# Every setting of statscache, with its default. Take away the # of what you change.
config = {
    # Whether the hub runs statscache.
    "statscache.consumer.enabled": True,
    # How far back history is fetched: a datetime, ISO 8601, or epoch seconds. Shifts no windows.
    # "statscache.consumer.epoch": None,
    # Seconds. A message that is stamped further ahead of its arrival is refused.
    # "statscache.consumer.maximum_future": 3600,
    # Bytes. A longer message is refused.
    # "statscache.consumer.maximum_bytes": 8388608,
    # Messages between the bus and the journal. Beyond that the bus is made to wait.
    # "statscache.consumer.queue": 20000,
    #
    # The file of the journal, on a local disk. None: journal.sqlite in $STATE_DIRECTORY,
    # $XDG_STATE_HOME/statscache, or ~/.local/state/statscache.
    # "statscache.journal.path": None,
    # Milliseconds. The most that a kill can take of what was taken in. What still stands in the
    # queue goes with it.
    # "statscache.journal.commit_within": 200,
    # Seconds that an id is remembered, so that the same message is not counted again.
    # "statscache.journal.dedupe_horizon": 172800,
    # Bytes. Beyond that the oldest entries go; what a plugin misses is owed to it.
    # "statscache.journal.maximum_size": 4294967296,
    # Seconds to wait for a journal that another daemon holds; 0 refuses to start at once.
    # "statscache.journal.wait": 0,
    #
    # The database of the statistics: sqlite:////PATH/OF/FILE or postgresql://USER@HOST/DATABASE.
    # None: the SQLite file statscache.sqlite beside the journal.
    # "statscache.sqlalchemy.uri": None,
    #
    # Threads that run plugins.
    # "statscache.engine.workers": 4,
    # Messages that a plugin counts in one transaction, at the most.
    # "statscache.engine.batch": 5000,
    # Messages in a row that a plugin cannot digest before it is suspended.
    # "statscache.engine.suspend_after": 100,
    # Rows of the change table.
    # "statscache.changes.keep": 100000,
    #
    # Which statistics run: patterns of idents, or of DISTRIBUTION:IDENT. A pattern other than "*"
    # also turns on what the defaults leave out, such as "volume-by-user-*".
    # "statscache.plugins.enabled": ["*"],
    # "statscache.plugins.disabled": [],
    # A directory of Python files. The plugins in each *.py of it run as if they were installed.
    # "statscache.plugins.dir": None,
    # How long rows are kept: patterns of idents to days, or None for ever. The first match counts.
    # "statscache.retention": {},
    #
    # The base URL of the datagrepper that keeps the history of this bus.
    # "statscache.datagrepper.endpoint": None,
    # Connections to it at the same time, at the most.
    # "statscache.datagrepper.connections": 4,
    # Seconds that one of its answers may take.
    # "statscache.datagrepper.timeout": 90,
    # Seconds that are read before and after what is missing: messages come late.
    # "statscache.datagrepper.overlap": 600,
    # Seconds of the latest history that are read again every hour; 0 is never.
    # "statscache.datagrepper.again": 10800,
    # Seconds of history for a new statistic, where neither it nor the epoch says how much.
    # "statscache.datagrepper.backlog": 2592000,
    #
    # Rows of a page of the REST interface.
    # "statscache.app.default_rows_per_page": 100,
    # "statscache.app.maximum_rows_per_page": 1000,
    # Seconds that one question to the database may take; beyond that the answer is a 503.
    # "statscache.app.timeout": 10,
    # The same for an export.
    # "statscache.app.export_timeout": 600,
    # Requests of one client, in each process of the web application, such as "100/minute".
    # "statscache.app.rate_limit": None,
    # Who may listen to what changes at the same time, in each process of the web application.
    # None is 500 under `statscache serve`, and 4 where a server needs a thread for each.
    # "statscache.app.live_readers": None,
    # Proxies before the web application whose X-Forwarded headers are believed.
    # "statscache.app.proxies": 0,
}
