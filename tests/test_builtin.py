"""What all built-in statistics of single services have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW

from statscache.builtin.bodhi import bodhi
from statscache.builtin.contributions import contributions
from statscache.builtin.koji import koji
from statscache.builtin.pagure import pagure
from statscache.plugins import Schedule

PLUGINS = [*contributions, *koji, *bodhi, *pagure]

words = st.sampled_from(
    [
        *("agent", "project", "name", "namespace", "repo", "pullrequest", "update", "type"),
        *("release", "date_submitted", "new", "instance", "primary", "2025-01-01", "ada"),
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=15,
)


@given(msg=anything, event=st.sampled_from(["bodhi.update.complete.stable", "pagure.git.receive"]))
@pytest.mark.parametrize("plugin", PLUGINS)
def test_no_message_however_odd_is_too_much_for_them(plugin, msg, event):
    topic = f"org.fedoraproject.prod.{event}"
    message = {"topic": topic, "timestamp": NOW, "msg_id": "a", "msg": msg}
    statistic = plugin(Schedule(plugin.interval), {})
    for found in statistic.count(message):
        row, amount = statistic._row(0, statistic._texts(found))
        assert all(isinstance(text, str) for text in row[1:])
        assert amount == 1


@pytest.mark.parametrize("plugin", PLUGINS)
def test_each_says_what_it_is_and_leaves_messages_alone(plugin):
    assert plugin.__doc__.partition("\n")[0].endswith((".", ":"))
    assert plugin.unit in ("accounts", "builds", "contributions", "messages", "seconds", "updates")
    assert plugin.reads_only
