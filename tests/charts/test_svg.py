from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from statscache.charts import svg

anything = st.text(st.characters(exclude_categories=()), max_size=40)


@given(content=anything, value=anything)
def test_any_text_is_well_formed_and_adds_no_element(content, value):
    text = svg.element("text", svg.escape(content), id=value)
    root = ElementTree.fromstring(text)
    assert len(root) == 0
    assert len(root.attrib) == 1


@given(content=anything, room=st.integers(0, 200))
def test_what_is_clipped_fits(content, room):
    found = svg.clipped(content, 11, room)
    assert svg.width(found, 11) <= max(room, svg.width("…", 11))


def test_names_are_cut_at_the_front_where_they_would_look_alike():
    names = ["org.fedoraproject.prod.git.receive", "org.fedoraproject.prod.git.branch"]
    found = svg.distinct(names, 11, 80)
    assert [one[0] for one in found] == ["…", "…"]
    assert [one[-4:] for one in found] == ["eive", "anch"]
    assert svg.distinct(["failed", "canceled"], 11, 80) == ["failed", "canceled"]


def test_attributes_have_hyphens_and_short_numbers():
    assert svg.element("a", class_="b", text_anchor="end", x=1.25, y=2.0) == (
        '<a class="b" text-anchor="end" x="1.2" y="2"/>'
    )
    assert svg.path([], "line") == ""


def test_names_that_differ_by_how_much_is_left_of_them_look_alike():
    found = svg.distinct(["a.long.name.one", "a.long.name.of.more"], 11, 60)
    assert [one[0] for one in found] == ["…", "…"]
