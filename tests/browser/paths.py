"""The pages that there are, at least one of each kind; their paths follow the `/` of the site."""

from __future__ import annotations

WHOLE = (
    "",
    "?q=builds",
    "?q=xyzzy",
    "web/volume-1h",
    "web/volume-1h?start=-7d&every=6h&kind=bar",
    "web/volume-1d?kind=calendar",
    "web/volume-by-category-1h?kind=calendar&top=3&every=6h&start=-9d",
    "web/volume-by-category-1h",
    "web/volume-by-category-1h?start=-1d&kind=stacked&pivot=category&top=3",
    "web/volume-by-category-1h?category=bodhi&category=git&order=asc&rows_per_page=10",
    "web/volume-by-topic-1h?start=-7d",
    "web/koji-builds-1d?start=2001-01-01&stop=2001-01-02",
    "web/active-contributors-1d",
    "web/bodhi-time-to-stable-1d",
    "web/bodhi-time-to-stable-1d?kind=bar",
    "web/latest-message-per-topic",
    "web/latest-message-per-topic?topic=org.fedoraproject.prod.git.receive",
    "web/release-engineering-event-logs",
    "web/release-engineering-event-logs?start=-7d",
    "web/health",
    "web/start",
    "web/reference",
    "api/",
    "api/coverage",
    "problems/",
    "problems/not-found",
    "api/volume-by-category-1h",
    "api/volume-by-category-1h/latest",
    "api/release-engineering-event-logs",
)

ERRORS = {
    "web/nothing": 404,
    "web/volume-1h.csv": 404,
    "web/volume-1h?every=90m": 400,
    "api/nothing": 404,
    "api/volume-1h?start=yesterday": 400,
    "?nonsense=1": 400,
}

PAGES = [*dict.fromkeys(WHOLE, 200).items(), *ERRORS.items()]
"""With the status of each."""
