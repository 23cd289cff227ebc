"""What release engineering did last: composes, pushes of updates, images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ..plugins import Latest, Setting, checks, latest_log_model, topic_parts

Message = dict[str, Any]
Event = tuple[tuple[str, str], dict[str, str]]
"""The category and what of it the event is about, and what a dashboard shows of it."""

Reader = Callable[[str, Mapping[str, Any], str], Iterable[Event]]
"""Takes the topic behind its category, `msg`, and the environment."""

ENVIRONMENTS = ("prod", "stg", "dev")
KOJI = {"prod": "https://koji.fedoraproject.org", "stg": "https://koji.stg.fedoraproject.org"}

ARCHITECTURES = ("primary", "arm", "ppc", "s390")
"""Of the composes of old."""

ARTIFACTS = ("appliance_armhfp", "livecd_x86_64", "livecd_i686")
OF_IMAGES = {"armhfp": "appliance", "x86_64": "livecd", "i686": "livecd"}
ARCHES = {"armhfp": "armhfp", "armv7hl": "armhfp", "i386": "i686", "i686": "i686"}
ARCHES |= {"x86_64": "x86_64"}
"""How Koji names what images are built for, and how the categories do."""

TASK_STATES = ("OPEN", "CLOSED", "FAILED", "CANCELED")
CLOUDS = ("aws", "azure", "gcp", "container")

_COMPOSE = re.compile(r"(rawhide|branched)(?:\.(mash|pungify|rsync))?\.(start|complete)")
_SERIES = re.compile(r"Fedora-(Rawhide|\d+)-\d{8}\.")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_UPDATES = {"updates.fedora.sync": "fedora", "updates.epel.sync": "epel"}
_PUSHES = {
    "compose.composing": "composing",
    "compose.sync.wait": "syncing",
    "compose.sync.done": "synced",
    "compose.complete": "complete",
    "repo.done": "made",
}
_STREAMS = {"stream.release": "released", "stream.metadata.update": "updated"}


def compose(event: str, msg: Mapping[str, Any], _environment: str) -> Iterable[Event]:
    """The steps of the nightly composes, as they were until 2017."""
    match = _COMPOSE.fullmatch(event)
    arch = msg.get("arch") or "primary"
    if match and arch in ARCHITECTURES:
        branch, step, status = match.groups("compose")
        release = _text(msg, "branch") if branch == "branched" else None
        shown = _shown(
            step.capitalize(),
            status,
            link=_url(msg, "location"),
            extra_text=_text(msg, "compose_id") or release,
        )
        yield (f"compose-{branch}_{arch}", step), shown


def bodhi(event: str, msg: Mapping[str, Any], _environment: str) -> Iterable[Event]:
    """Updates that went out to the mirrors, and how far the pushes of updates are."""
    repo, release = _text(msg, "repo"), _text(msg, "release")
    if repo and release and event in _UPDATES:
        name = f"{release}-{repo}"
        shown = _shown(name, "synced", extra_text=_text(msg, "bytes"))
        yield (f"updates-{_UPDATES[event]}", name), shown
    if repo and event in _PUSHES:
        status = "failed" if msg.get("success") is False else _PUSHES[event]
        yield ("updates-push", repo), _shown(repo, status)


def ami(event: str, msg: Mapping[str, Any], _environment: str) -> Iterable[Event]:
    """Cloud images that fedimg has brought to Amazon, and tested there."""
    name, destination = _text(msg, "image_name"), _text(msg, "destination")
    done = event in ("image.upload", "image.test") and msg.get("status") == "completed"
    if done and name and destination:
        image, found = _text(_part(msg, "extra"), "id"), _REGION.search(destination)
        region = found and found[0]
        link = (
            region
            and image
            and (
                f"https://console.aws.amazon.com/ec2/home?region={region}"
                f"#LaunchInstances:ami={quote(image, safe='')}"
            )
        )
        shown = _shown(
            name,
            "completed",
            extra_text=f"{destination}, {image}" if image else destination,
            extra_link=link or None,
        )
        branch = "rawhide" if "rawhide" in name.lower() else "branched"
        yield (f"ami-{branch}", f"{name} {region or destination}"), shown


def task(event: str, msg: Mapping[str, Any], environment: str) -> Iterable[Event]:
    """Koji's tasks that make images of the nightly composes."""
    method, state, number = msg.get("method"), msg.get("new"), _text(msg, "id")
    if event != "task.state.change" or state not in TASK_STATES:
        return
    if environment == "prod" and msg.get("owner") != "masher":
        return
    request = _part(msg, "info").get("request")
    request = request if isinstance(request, list) else []
    named = [one for one in request[:2] if isinstance(one, str)]
    name = _text(msg, "srpm") or "-".join(named) or f"task {number}"
    version = named[1] if len(named) == 2 else None
    link = number and environment in KOJI and f"{KOJI[environment]}/koji/taskinfo?taskID={number}"
    for arch in _arches(name, request):
        kind = f"{OF_IMAGES[arch] if method == 'image' else method}_{arch}"
        if kind in ARTIFACTS:
            shown = _shown(name, state, link=link or None, extra_text=version)
            yield (f"artifact-{kind}", f"{name} {version}" if version else name), shown


def pungi(event: str, msg: Mapping[str, Any], _environment: str) -> Iterable[Event]:
    """Composes of today, as `pungi-fedmsg-notification` tells of them."""
    name, status = _text(msg, "compose_id"), _text(msg, "status")
    if event == "compose.status.change" and name and status:
        series = _SERIES.match(name)
        branch = ("rawhide" if series[1] == "Rawhide" else "branched") if series else "others"
        yield (f"pungi-{branch}", name), _shown(name, status, link=_url(msg, "location"))


def coreos(event: str, msg: Mapping[str, Any], _environment: str) -> Iterable[Event]:
    """Builds of Fedora CoreOS, and what became of its streams.

    They are sent by `fedmsg-broadcast` of coreos-assembler. Only a build that has ended has a
    `result`, which is Jenkins's.
    """
    stream, build, arch = (_text(msg, name) for name in ("stream", "build_id", "basearch"))
    status = _text(msg, "result") or _text(msg, "state")
    if event == "build.state.change" and stream and status:
        name = " ".join(filter(None, (stream, arch)))
        shown = _shown(name, status, link=_url(msg, "build_dir"), extra_text=build)
        yield ("coreos-builds", name), shown
    if event in _STREAMS and stream:
        status = _STREAMS[event]
        # Metadata are updated right after a release, which should stay to be seen.
        yield ("coreos-streams", f"{stream} {status}"), _shown(stream, status, extra_text=build)


def image(event: str, msg: Mapping[str, Any], _environment: str) -> Iterable[Event]:
    """Images that the uploader of today has published.

    Its schemas are those of fedora-image-uploader-messages 1.2.0. The topics go on with what the
    image is: `aws.Cloud_Base.41.x86_64` in 2024, and since then `aws.nightly.Cloud_Base.x86_64`,
    of whichever release.
    """
    what, _, variant = event.removeprefix("published.v1.").partition(".")
    told = variant.split(".") if variant else []
    parts = (_text(msg, part) for part in ("subvariant", "repository", "release", "architecture"))
    variant = ".".join([*told, *(part for part in parts if part and part not in told)])
    if event.startswith("published.v1.") and what in CLOUDS and variant:
        names = (_text(msg, "image_name"), _text(msg, "image_definition_name"), _container(msg))
        shown = _shown(
            next(filter(None, names), variant),
            "published",
            link=_url(msg, "image_url"),
            extra_text=_text(msg, "compose_id"),
        )
        yield (f"image-{what}", variant), shown


READERS: dict[str, Reader] = {
    "compose": compose,
    "bodhi": bodhi,
    "fedimg": ami,
    "buildsys": task,
    "pungi": pungi,
    "coreos": coreos,
    "fedora_image_uploader": image,
}
"""Who reads the messages of which category."""

EVENTS = (
    *("compose.rawhide.*", "compose.branched.*"),
    *(f"bodhi.{event}" for event in (*_UPDATES, *_PUSHES)),
    *("fedimg.image.upload", "fedimg.image.test"),
    *("buildsys.task.state.change", "pungi.compose.status.change"),
    *("coreos.build.state.change", *(f"coreos.{event}" for event in _STREAMS)),
    "fedora_image_uploader.published.v1.*",
)


def _shown(name: str, status: str, **others: str | None) -> dict[str, str]:
    return {"name": name, "status": status, **{key: one for key, one in others.items() if one}}


def _text(values: Mapping[str, Any], name: str) -> str | None:
    """What stands there, if it is a text or a whole number."""
    value = values.get(name)
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _url(values: Mapping[str, Any], name: str) -> str | None:
    """What stands there, if a page may lead to it."""
    value = _text(values, name)
    return value if value and value.startswith(("https://", "http://")) else None


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _container(msg: Mapping[str, Any]) -> str | None:
    """`fedora-toolbox:44`, as it is pulled."""
    repository, tags = _text(msg, "repository"), msg.get("tags")
    tag = tags[0] if isinstance(tags, list) and tags else None
    return f"{repository}:{tag}" if repository and isinstance(tag, str) else repository


def _arches(name: str, request: list[Any]) -> list[str]:
    """What the task builds for: the end of the name says so, or the third of its arguments."""
    asked = request[2] if len(request) > 2 else None
    words = [name.rpartition("-")[2], *(asked if isinstance(asked, list) else [asked])]
    return sorted({ARCHES[one] for one in words if isinstance(one, str) and one in ARCHES})


def _group(ident: str, components: Iterable[dict[str, Any]], name: str = "") -> dict[str, Any]:
    title = {"name": name} if name else {}
    return {"id": ident, **title, "components": [*components]}


LAYOUT = {
    "groups": [
        *(
            _group(
                f"compose-{branch}",
                (
                    {"id": f"compose-{branch}_{arch}", "name": f"{title} compose ({arch})"}
                    for arch in ARCHITECTURES
                ),
            )
            for branch, title in (("rawhide", "Rawhide"), ("branched", "Branched"))
        ),
        _group(
            "updates",
            (
                {"id": "updates-fedora", "name": "Updates synced (Fedora)"},
                {"id": "updates-epel", "name": "Updates synced (EPEL)"},
            ),
        ),
        _group(
            "amis",
            (
                {
                    "id": f"ami-{branch}",
                    "name": f"AMIs ({branch})",
                    "show_time_at": False,
                    "link_for": "name",
                }
                for branch in ("branched", "rawhide")
            ),
        ),
        _group(
            "appliance",
            (
                {
                    "id": "artifact-appliance_armhfp",
                    "name": "armhfp",
                    "show_time_at": False,
                    "link_for": "name",
                },
            ),
            "Appliances",
        ),
        _group(
            "livecd",
            (
                {
                    "id": f"artifact-livecd_{arch}",
                    "name": arch,
                    "show_time_at": False,
                    "link_for": "name",
                }
                for arch in ("x86_64", "i686")
            ),
            "Live images",
        ),
        _group(
            "pungi",
            (
                {"id": "pungi-rawhide", "name": "Rawhide"},
                {"id": "pungi-branched", "name": "Branched and released"},
                {"id": "pungi-others", "name": "Others"},
            ),
            "Composes",
        ),
        _group("push", ({"id": "updates-push", "name": "Pushes of updates"},)),
        _group(
            "coreos",
            (
                {"id": "coreos-builds", "name": "Builds"},
                {"id": "coreos-streams", "name": "Streams"},
            ),
            "CoreOS",
        ),
        _group(
            "images",
            (
                {"id": "image-aws", "name": "AWS"},
                {"id": "image-azure", "name": "Azure"},
                {"id": "image-gcp", "name": "Google Cloud"},
                {"id": "image-container", "name": "Containers"},
            ),
            "Images published",
        ),
    ],
    "default_options": {
        "show_time_at": True,
        "show_status": True,
        "status_verb_map": {
            "start": "started",
            "complete": "completed",
            "open": "opened",
            "finished_incomplete": "finished, not all of it",
            "success": "succeeded",
            "failure": "failed",
            "not_built": "not built",
            "syncing": "waits for the mirrors",
        },
        "status_class_map": {
            **dict.fromkeys(
                ("start", "started", "open", "composing", "syncing", "finished_incomplete"),
                "text-warning",
            ),
            **dict.fromkeys(("unstable", "not_built"), "text-warning"),
            **dict.fromkeys(
                ("failed", "failure", "aborted", "canceled", "doomed", "terminated"), "text-danger"
            ),
            **dict.fromkeys(
                ("complete", "completed", "closed", "finished", "success", "synced", "made"),
                "text-primary",
            ),
            **dict.fromkeys(("published", "released", "updated"), "text-primary"),
        },
        "old_log_threshold": {"key": "hours", "value": 24},
    },
}


class ReleaseEngineering(Latest):
    """What release engineering did last: composes, pushes of updates, images.

    `category` is a box of the release engineering dashboard, `category_constraint` what in it the
    row is about, and `message` is JSON, as a text, with `name` and `status`, and where there are
    such with `link`, `extra_text` and `extra_link`. The newest event of each is kept.
    """

    name = "Release engineering event logs"
    by = ("category", "category_constraint")
    model: Any = latest_log_model("release-engineering-event-logs")
    topics = tuple(f"org.fedoraproject.*.{event}" for event in EVENTS)
    layout = LAYOUT
    settings = (
        Setting("environment", "prod", checks.one_of(*ENVIRONMENTS), "whose messages are taken"),
    )
    newest_of_each = 8
    reads_only = True

    def event(self, message: Message) -> Iterable[Event]:
        """What the message tells; one that is not as expected tells nothing."""
        parts, msg = topic_parts(message), message.get("msg")
        environment = self.setting("environment")
        if (parts.prefix, parts.environment) != ("org.fedoraproject", environment):
            return ()
        if parts.category not in READERS or not isinstance(msg, dict):
            return ()
        return READERS[parts.category](parts.event, msg, environment)
