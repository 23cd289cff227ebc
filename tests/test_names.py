from __future__ import annotations

import pytest

from statscache.plugins import names


@pytest.mark.parametrize(
    ("value", "account"),
    [
        ("ada", "ada"),
        (" ada\n", "ada"),
        ("ada.l-2_x", "ada.l-2_x"),
        ({"username": "ada", "name": "Ada L."}, "ada"),
        ({"name": "ada"}, "ada"),
        ("ada@fedoraproject.org", "ada"),
        ("http://ada.id.fedoraproject.org/", "ada"),
        ("https://ada.id.stg.fedoraproject.org", "ada"),
        ("ada.id.fedoraproject.org", "ada"),
    ],
)
def test_an_account_is_read(value, account):
    assert names.accounts(value) == (account,)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "ada@example.org",
        "infra@lists.fedoraproject.org",
        "Ada Lovelace",
        "anonymous",
        "orphan",
        "@python",
        "github.com:ada",
        "github_org_fedora",
        "mbs/mbs.fedoraproject.org",
        "https://example.org/ada",
        {"username": None},
        {"username": ["ada"]},
        {},
        7,
        None,
        True,
        ["ada"],
    ],
)
def test_what_may_be_no_account_is_left_out(value):
    assert names.accounts(value) == ()


def test_the_wiki_spells_accounts_with_a_capital():
    assert names.wiki_accounts("Ada") == ("ada",)
    assert names.wiki_accounts(None) == ()


@pytest.mark.parametrize(
    ("value", "package"),
    [("cairo", "cairo"), (" gtk+ ", "gtk+"), ("rpms/R-BiocGenerics", "R-BiocGenerics")],
)
def test_a_package_is_read(value, package):
    assert names.packages(value) == (package,)


@pytest.mark.parametrize("value", ["", "two words", "container/cairo", "-cairo", 3, None, {}, []])
def test_what_may_be_no_package_is_left_out(value):
    assert names.packages(value) == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("python-alembic-1.13-2.fc40", ("python-alembic",)),
        ("golang-github-x-0-0.1.git6e461eb.fc23", ("golang-github-x",)),
        ("cairo", ()),
        ("python-alembic", ()),
        ("well-known-words", ()),
        ("-1-1", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_a_build_names_its_package(value, found):
    assert names.build_packages(value) == found


def test_a_title_is_read_only_if_each_word_is_a_build():
    assert names.title_packages("cairo-1-2.el9, gzip-1-3.el9 sed-4-1") == ("cairo", "gzip", "sed")
    assert names.title_packages("cairo-1-2.el9 and 3 more") == ()
    assert names.title_packages("") == ()
    assert names.title_packages(["cairo-1-2.el9"]) == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("cairo", ("cairo",)),
        ("python3-qt5-charts", ("python3-qt5-charts",)),
        ("389-ds-base", ("389-ds-base",)),
        ("cairo-git-1.18-1.20240102.fc40", ("cairo-git",)),
        ("cairo-1.18-1", ()),
        ("https://example.org/cairo.src.rpm", ()),
        (None, ()),
    ],
)
def test_a_copr_build_names_its_package_where_that_is_sure(value, found):
    assert names.copr_packages(value) == found


def test_components_about_the_whole_are_no_packages():
    assert names.components("cairo") == ("cairo",)
    assert names.components("distribution") == ()
    assert names.components("Package Review") == ()


def test_a_tagged_package_is_a_name_or_the_key_of_an_object():
    assert names.tagged_packages("cairo") == ("cairo",)
    assert names.tagged_packages({"cairo": [{"tag": "graphics"}]}) == ("cairo",)
    assert names.tagged_packages(None) == ()
