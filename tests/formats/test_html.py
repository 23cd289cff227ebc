from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.formats import html


class Cells(HTMLParser):
    """The texts of the cells of a table, and whether anything else was opened."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.others = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in ("th", "td"):
            self.cells.append("")
        elif tag not in ("table", "thead", "tbody", "tr"):
            self.others.append(tag)

    def handle_data(self, data):
        if self.cells and data.strip("\n"):
            self.cells[-1] += data


def cell(value):
    return html.dumps(["a"], [[value]]).partition("<tr><td")[2].partition("</tr>")[0]


def test_columns_are_the_head_and_rows_the_body():
    text = html.dumps(["timestamp", "state", "volume"], [[datetime(2026, 1, 1), "<ü>", 5]])
    assert text == (
        "<table>\n"
        '<thead><tr><th scope="col">timestamp</th><th scope="col">state</th>'
        '<th scope="col" class="number">volume</th></tr></thead>\n'
        "<tbody>\n"
        '<tr><td class="short"><time datetime="2026-01-01T00:00:00Z">2026-01-01 00:00:00</time>'
        "</td>"
        '<td>&lt;ü&gt;</td><td class="number">5</td></tr>\n'
        "</tbody>\n</table>\n"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "></td>"),
        (0, ' class="number">0</td>'),
        (0.5, ' class="number">0.5</td>'),
        (True, ">True</td>"),
        ("1", ">1</td>"),
        ("'\"&", ">&#x27;&quot;&amp;</td>"),
        ({"a": [1, "<"]}, ">{&quot;a&quot;:[1,&quot;&lt;&quot;]}</td>"),
        (
            datetime(2026, 1, 1, 12, microsecond=5, tzinfo=UTC),
            ' class="short"><time datetime="2026-01-01T12:00:00.000005Z">'
            "2026-01-01 12:00:00.000005</time></td>",
        ),
    ],
)
def test_a_cell_shows_what_it_holds(value, written):
    assert cell(value) == written


def test_a_column_of_links_leads_somewhere():
    urls = {"messages": "https://example.org/?a=1&b=%22", "<": "x"}
    text = html.dumps(["a", "links"], [[1, urls], [2, {}]], "links")
    assert (
        '<td class="short"><a href="https://example.org/?a=1&amp;b=%22" rel="nofollow">messages</a>'
        ' <a href="x" rel="nofollow">&lt;</a></td>' in text
    )
    assert '<td class="short"></td>' in text


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=1))
def test_no_text_is_taken_for_markup(texts):
    read = Cells(html.dumps(texts, [texts]))
    assert read.cells == [*texts, *texts]
    assert read.others == []


def test_long_numbers_stand_in_groups_of_three_digits():
    table = html.dumps(["a"], [[1_234_567], [528_227.0], [-1_000.25], [999]])
    assert Cells(table).cells[1:] == ["1,234,567", "528,227", "-1,000.25", "999"]
