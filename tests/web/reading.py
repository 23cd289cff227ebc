"""A page for people, and what stands on it."""

from __future__ import annotations

from html.parser import HTMLParser

from flask.testing import FlaskClient

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
NASTY = '"><script>alert(1)</script>'


class Page(HTMLParser):
    """What stands on a page: each tag with its attributes, and of some more."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._is_title = False
        self.feed(text)

    @property
    def links(self) -> list[str]:
        return [one["href"] or "" for one in self.all("a")]

    @property
    def images(self) -> list[str]:
        """The URLs of all pictures."""
        found = [one.get("src") or one.get("srcset") for one in self.all("img", "source")]
        return [one for one in found if one]

    def all(self, *names: str) -> list[dict[str, str | None]]:
        """The attributes of all tags of these names."""
        return [given for name, given in self.tags if name in names]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._is_title:
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        self._is_title = False


def page(client: FlaskClient, path: str, status: int = 200) -> Page:
    """The page that a browser gets there."""
    response = client.get(path, headers=BROWSER)
    assert (response.status_code, response.mimetype) == (status, "text/html"), response.text
    return Page(response.text)
