"""Names of accounts and packages, read from single values in messages.

Each reader takes a value of any JSON type and gives the names it holds, often none. They are
strict on purpose: a statistic about the wrong name is worse than one that lacks a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Names = tuple[str, ...]
Reader = Callable[[Any], Names]

_ACCOUNT = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_PACKAGE = re.compile(r"[A-Za-z0-9_][\w.+-]*", re.ASCII)
# A Fedora account as OpenID (with or without the scheme) or as mail alias.
_IDENTITY = re.compile(
    r"(?:https?://)?([\w-]+)\.id\.(?:stg\.)?fedoraproject\.org/?|([\w.-]+)@fedoraproject\.org",
    re.ASCII,
)
_BETWEEN = re.compile(r"[\s,]+")

_NOBODY = frozenset({"anonymous", "nobody", "orphan", "somebody"})
"""What trackers write where an account should stand and nobody does."""

_NOT_PACKAGES = frozenset({"distribution", "LiveCD"})
"""Bugzilla components about the whole; the others of this kind have blanks in their names."""


def accounts(value: Any) -> Names:
    """An account: text, or an object with a `username` or a `name`.

    A Fedora OpenID or mail alias gives its account; other addresses, display names (they have
    blanks), Kerberos principals, `host:user` pairs and `@group` give nothing.
    """
    if isinstance(value, dict):
        value = value.get("username") or value.get("name")
    if not isinstance(value, str):
        return ()
    name = value.strip()
    if "fedoraproject.org" in name and (identity := _IDENTITY.fullmatch(name)):
        name = identity[1] or identity[2]
    if not _ACCOUNT.fullmatch(name) or name in _NOBODY or name.startswith("github_org_"):
        return ()
    return (name,)


def wiki_accounts(value: Any) -> Names:
    """An account as MediaWiki spells it: with the first letter made a capital."""
    return accounts(value.lower()) if isinstance(value, str) else ()


def packages(value: Any) -> Names:
    """A source package, bare or as a repository in the `rpms/` namespace."""
    if not isinstance(value, str):
        return ()
    name = value.strip().removeprefix("rpms/")
    return (name,) if _PACKAGE.fullmatch(name) else ()


def components(value: Any) -> Names:
    """A Bugzilla component, where it is a package."""
    return tuple(name for name in packages(value) if name not in _NOT_PACKAGES)


def build_packages(value: Any) -> Names:
    """The package of a build: `python-alembic-1.13-2.fc40` is one of `python-alembic`."""
    if not isinstance(value, str):
        return ()
    name, *rest = value.strip().rsplit("-", 2)
    return packages(name) if len(rest) == 2 and all(map(_has_digit, rest)) else ()


def title_packages(value: Any) -> Names:
    """The packages of builds listed with commas or blanks; nothing if one word is no build."""
    if not isinstance(value, str):
        return ()
    found = [build_packages(word) for word in _BETWEEN.split(value.strip())]
    return tuple(name for names in found for name in names) if all(found) else ()


def copr_packages(value: Any) -> Names:
    """The package of a Copr build: bare, or in the years of fedmsg as a build."""
    if not isinstance(value, str):
        return ()
    name, *rest = value.strip().rsplit("-", 2)
    if len(rest) == 2 and _has_digit(rest[0]) and rest[1][:1].isdigit() and "." in rest[1]:
        return packages(name)
    # What ends like a version may be a build without a distribution's tag: no name is sure.
    return () if rest and rest[-1][:1].isdigit() else packages(value)


def tagged_packages(value: Any) -> Names:
    """The package that was tagged: its name, or in older messages an object of that one key."""
    if isinstance(value, dict):
        return tuple(name for key in value for name in packages(key))
    return packages(value)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
