"""Who is at work: how many people there are, and what each of them does day by day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from ..plugins import Count, Distinct, topic_parts, users

Message = dict[str, Any]
DAY = timedelta(days=1)


class ActiveContributors(Distinct):
    """Different accounts that messages are about, each day.

    By the week or month (`every=week`, `every=month`) it is how many there were in that time, and
    not the sum of its days. Accounts of services count as well.
    """

    name, interval = "active contributors", DAY
    unit = "accounts"
    reads_only = True

    def count(self, message: Message) -> Iterable[str]:
        return users(message)


class ActiveContributorsByCategory(Distinct):
    """Different accounts that messages are about, each day, by category, such as `bodhi`.

    An account that is active in two categories is one of each, and one of both together.
    """

    name, by, interval = "active contributors, by category", ("category",), DAY
    unit = "accounts"
    reads_only = True

    def count(self, message: Message) -> Iterator[tuple[str, str]]:
        category = topic_parts(message).category
        for user in users(message):
            yield category, user


class ContributionsByUser(Count):
    """Messages by the users they are about and by category: the calendar of a contributor.

    One message can be about several users, or none.
    """

    name, by, interval = "contributions, by user", ("user", "category"), DAY
    personal = ("user",)
    unit = "messages"
    reads_only = True

    def count(self, message: Message) -> Iterator[tuple[str, str]]:
        category = topic_parts(message).category
        for user in users(message):
            yield user, category


contributions = [ActiveContributors, ActiveContributorsByCategory, ContributionsByUser]
