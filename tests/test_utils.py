"""What packages of old call by this name."""

from __future__ import annotations

import subprocess
import sys

from statscache import plugins
from statscache.plugins import models, schedule

SCRIPT = """
import sys
from datetime import datetime

from statscache import utils
from statscache.plugins import ScalarModel


class Made(ScalarModel):
    __tablename__ = "data_made_of_old"


uri = sys.argv[1]
utils.create_tables(uri)
utils.create_tables(uri)
session = utils.init_model(uri)
session.add(Made(timestamp=datetime(2026, 1, 1), scalar=3))
session.commit()
session.remove()
assert [row.scalar for row in session.query(Made)] == [3]
assert session.query(Made).first().timestamp == datetime(2026, 1, 1)
session.remove()
session.get_bind().dispose()
"""


def test_tables_are_made_and_sessions_write_into_them(uri):
    # In a process of its own, where no model is imported but this one.
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT, uri], check=True)


def test_what_is_imported_from_addresses_of_old_is_the_same():
    assert schedule.Schedule is plugins.Schedule
    for name in models.__all__:
        assert getattr(models, name) is getattr(plugins, name)
