"""The release engineering event logs: what each message gives, and what the dashboard gets."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from itertools import count
from typing import Any

import pytest
from guests import MakeEngine, on_sqlite, turn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import NOW

from statscache import registry
from statscache.builtin.releng import LAYOUT, ReleaseEngineering
from statscache.config import Config
from statscache.engine import Engine
from statscache.errors import ConfigError
from statscache.web import create_app

PATH = "/api/release-engineering-event-logs"
IDENT = "release-engineering-event-logs"
CATEGORIES = [component["id"] for group in LAYOUT["groups"] for component in group["components"]]
AT = int(NOW) - 3_600
KNOWN = {"name", "status", "link", "extra_text", "extra_link"}
KOJI = "https://koji.fedoraproject.org/koji/taskinfo?taskID="
COMPOSES = "https://composes.example.org"
numbers = count()


def sent(topic: str, msg: Any, at: float = AT, environment: str = "prod") -> dict[str, Any]:
    name = f"2026-{next(numbers):08}-0000-4000-8000-000000000000"
    topic = f"org.fedoraproject.{environment}.{topic}"
    return {"topic": topic, "msg": msg, "timestamp": at, "msg_id": name}


def told(message: dict[str, Any], **config: Any) -> list[Any]:
    return [*ReleaseEngineering(None, config).event(message)]


NIGHTLY = {"branch": "rawhide", "log": "start"}
BRANCHED = {"branch": "44", "log": "done", "arch": ""}
LATER = {"compose_id": "Fedora-Rawhide-20260101.n.0", "location": COMPOSES, "short": "Fedora"}
BOX = {"image_name": "Fedora-Cloud-Base-44-20260101.0.x86_64", "status": "completed"}
BOX |= {"destination": "EC2-eu-west-1", "extra": {"id": "ami-0123", "virt_type": "HVM"}}
AWS = "https://console.aws.amazon.com/ec2/home?region=eu-west-1#LaunchInstances:ami=ami-0123"
SPIN = {"id": 77, "method": "livecd", "new": "OPEN", "old": "FREE", "owner": "masher"}
SPIN |= {"srpm": "Fedora-Live-KDE-x86_64"}
ASKED = {"request": ["Fedora-Live-KDE", "rawhide", "i386", "rawhide", "kde.ks", {}]}
CLOUD = {"request": ["fedora-cloud", "44", ["x86_64", "armhfp", "s390x"], "f44", "tree", {}]}
STREAM = {"stream": "testing", "build_id": "44.20260101.2.0", "basearch": "aarch64"}

GIVES = [
    # topic, msg, category, constraint, name, status, what else
    ("compose.rawhide.start", NIGHTLY, "compose-rawhide_primary", "compose", "Compose", "start",
     {}),
    ("compose.rawhide.complete", {**NIGHTLY, "arch": ""}, "compose-rawhide_primary", "compose",
     "Compose", "complete", {}),
    ("compose.rawhide.mash.start", {**NIGHTLY, "arch": "arm"}, "compose-rawhide_arm", "mash",
     "Mash", "start", {}),
    ("compose.rawhide.pungify.start", {**NIGHTLY, "arch": "ppc"}, "compose-rawhide_ppc", "pungify",
     "Pungify", "start", {}),
    ("compose.rawhide.rsync.complete", {**NIGHTLY, "arch": "s390"}, "compose-rawhide_s390", "rsync",
     "Rsync", "complete", {}),
    ("compose.rawhide.rsync.complete", {**NIGHTLY, **LATER}, "compose-rawhide_primary", "rsync",
     "Rsync", "complete", {"link": COMPOSES, "extra_text": LATER["compose_id"]}),
    ("compose.branched.start", {"branch": "44"}, "compose-branched_primary", "compose", "Compose",
     "start", {"extra_text": "44"}),
    ("compose.branched.mash.complete", BRANCHED, "compose-branched_primary", "mash", "Mash",
     "complete", {"extra_text": "44"}),
    ("compose.branched.pungify.complete", {**BRANCHED, "arch": "arm"}, "compose-branched_arm",
     "pungify", "Pungify", "complete", {"extra_text": "44"}),
    ("compose.branched.rsync.start", {}, "compose-branched_primary", "rsync", "Rsync", "start", {}),
    ("bodhi.updates.fedora.sync", {"release": "44", "repo": "updates", "bytes": "1 GiB"},
     "updates-fedora", "44-updates", "44-updates", "synced", {"extra_text": "1 GiB"}),
    ("bodhi.updates.epel.sync", {"release": 10, "repo": "epel"}, "updates-epel", "10-epel",
     "10-epel", "synced", {}),
    ("fedimg.image.upload", BOX, "ami-branched", f"{BOX['image_name']} eu-west-1",
     BOX["image_name"], "completed", {"extra_text": "EC2-eu-west-1, ami-0123", "extra_link": AWS}),
    ("fedimg.image.test", {**BOX, "image_name": "fedora-cloud-base-rawhide-20260101.x86_64"},
     "ami-rawhide", "fedora-cloud-base-rawhide-20260101.x86_64 eu-west-1",
     "fedora-cloud-base-rawhide-20260101.x86_64", "completed",
     {"extra_text": "EC2-eu-west-1, ami-0123", "extra_link": AWS}),
    ("fedimg.image.upload", {**BOX, "destination": "Elastic Compute Cloud (eu-west-1)",
     "extra": {}}, "ami-branched", f"{BOX['image_name']} eu-west-1", BOX["image_name"],
     "completed", {"extra_text": "Elastic Compute Cloud (eu-west-1)"}),
    ("fedimg.image.upload", {**BOX, "destination": "somewhere"}, "ami-branched",
     f"{BOX['image_name']} somewhere", BOX["image_name"], "completed",
     {"extra_text": "somewhere, ami-0123"}),
    ("buildsys.task.state.change", SPIN, "artifact-livecd_x86_64", "Fedora-Live-KDE-x86_64",
     "Fedora-Live-KDE-x86_64", "OPEN", {"link": f"{KOJI}77"}),
    ("buildsys.task.state.change", {**SPIN, "srpm": None, "new": "FAILED", "info": ASKED},
     "artifact-livecd_i686", "Fedora-Live-KDE-rawhide rawhide", "Fedora-Live-KDE-rawhide", "FAILED",
     {"link": f"{KOJI}77", "extra_text": "rawhide"}),
    ("buildsys.task.state.change",
     {**SPIN, "method": "appliance", "srpm": "Fedora-Minimal-armhfp", "new": "CANCELED"},
     "artifact-appliance_armhfp", "Fedora-Minimal-armhfp", "Fedora-Minimal-armhfp", "CANCELED",
     {"link": f"{KOJI}77"}),
    ("buildsys.task.state.change",
     {**SPIN, "method": "image", "srpm": "fedora-i686", "new": "CLOSED", "id": None},
     "artifact-livecd_i686", "fedora-i686", "fedora-i686", "CLOSED", {}),
    ("pungi.compose.status.change", {"compose_id": "Fedora-Rawhide-20260101.n.0",
     "location": f"{COMPOSES}/compose", "status": "FINISHED_INCOMPLETE"}, "pungi-rawhide",
     "Fedora-Rawhide-20260101.n.0", "Fedora-Rawhide-20260101.n.0", "FINISHED_INCOMPLETE",
     {"link": f"{COMPOSES}/compose"}),
    ("pungi.compose.status.change", {"compose_id": "Fedora-44-20260101.n.7", "status": "DOOMED"},
     "pungi-branched", "Fedora-44-20260101.n.7", "Fedora-44-20260101.n.7", "DOOMED", {}),
    ("pungi.compose.status.change", {"compose_id": "Fedora-IoT-44-20260101.0", "status": "STARTED"},
     "pungi-others", "Fedora-IoT-44-20260101.0", "Fedora-IoT-44-20260101.0", "STARTED", {}),
    ("bodhi.compose.composing", {"repo": "f44-updates", "updates": []}, "updates-push",
     "f44-updates", "f44-updates", "composing", {}),
    ("bodhi.compose.sync.wait", {"repo": "f44-updates"}, "updates-push", "f44-updates",
     "f44-updates", "syncing", {}),
    ("bodhi.compose.sync.done", {"repo": "f44-updates"}, "updates-push", "f44-updates",
     "f44-updates", "synced", {}),
    ("bodhi.compose.complete", {"repo": "f44-updates", "success": True}, "updates-push",
     "f44-updates", "f44-updates", "complete", {}),
    ("bodhi.compose.complete", {"repo": "f44-updates", "success": False}, "updates-push",
     "f44-updates", "f44-updates", "failed", {}),
    ("bodhi.repo.done", {"repo": "f44-updates", "path": "/mnt"}, "updates-push", "f44-updates",
     "f44-updates", "made", {}),
    ("coreos.build.state.change", {**STREAM, "state": "STARTED"}, "coreos-builds",
     "testing aarch64", "testing aarch64", "STARTED", {"extra_text": "44.20260101.2.0"}),
    ("coreos.build.state.change", {**STREAM, "state": "FINISHED", "result": "FAILURE",
     "build_dir": COMPOSES}, "coreos-builds", "testing aarch64", "testing aarch64", "FAILURE",
     {"extra_text": "44.20260101.2.0", "link": COMPOSES}),
    *(("coreos.build.state.change", {**STREAM, "state": "FINISHED", "result": result},
       "coreos-builds", "testing aarch64", "testing aarch64", result,
       {"extra_text": "44.20260101.2.0"}) for result in ("UNSTABLE", "ABORTED", "NOT_BUILT")),
    ("coreos.stream.release", STREAM, "coreos-streams", "testing released", "testing", "released",
     {"extra_text": "44.20260101.2.0"}),
    ("coreos.stream.metadata.update", {"stream": "next"}, "coreos-streams", "next updated", "next",
     "updated", {}),
    ("fedora_image_uploader.published.v1.aws.Cloud_Base.44.x86_64",
     {"architecture": "x86_64", "compose_id": "Fedora-44-20260101.0", "image_name": "Base-44-1.2",
      "regions": {"eu-west-1": "ami-0123"}}, "image-aws", "Cloud_Base.44.x86_64", "Base-44-1.2",
     "published", {"extra_text": "Fedora-44-20260101.0"}),
    *(("fedora_image_uploader.published.v1.aws.nightly.Cloud_Base.aarch64",
       {"architecture": "aarch64", "compose_id": f"Fedora-Cloud-{release}-20260101.0",
        "image_name": f"Base-{release}-20260101.0", "regions": {"eu-west-1": "ami-0123"},
        "release": release, "subvariant": "Cloud_Base"}, "image-aws",
       f"nightly.Cloud_Base.aarch64.{release}", f"Base-{release}-20260101.0", "published",
       {"extra_text": f"Fedora-Cloud-{release}-20260101.0"}) for release in (43, 44)),
    ("fedora_image_uploader.published.v1.azure.eln.Cloud_Base.x86_64",
     {"architecture": "x86_64", "image_definition_name": "Fedora-Cloud-ELN-x64", "release": 45,
      "image_version_name": "45.20260101.0", "regions": ["eastus"], "subvariant": "Cloud_Base"},
     "image-azure", "eln.Cloud_Base.x86_64.45", "Fedora-Cloud-ELN-x64", "published", {}),
    ("fedora_image_uploader.published.v1.container.44", {}, "image-container", "44", "44",
     "published", {}),
    *((f"fedora_image_uploader.published.v1.container{variant}",
       {"architectures": ["x86_64"], "compose_id": "Fedora-44-20260101.0", "registries": ["a.io"],
        "release": 44, "repository": "fedora-toolbox", "tags": ["44", "latest"]},
       "image-container", about, "fedora-toolbox:44", "published",
       {"extra_text": "Fedora-44-20260101.0"})
      for variant, about in (("", "fedora-toolbox.44"), (".44", "44.fedora-toolbox"))),
    ("fedora_image_uploader.published.v1.container", {"repository": "fedora", "tags": []},
     "image-container", "fedora", "fedora", "published", {}),
    ("fedora_image_uploader.published.v1.gcp.rc.Cloud_Base.aarch64",
     {"architecture": "aarch64", "family": "fedora-cloud-44-arm64", "image_name": "base-gcp-44",
      "image_url": f"{COMPOSES}/gcp", "release": 44, "storage_locations": ["us"],
      "subvariant": "Cloud_Base"}, "image-gcp", "rc.Cloud_Base.aarch64.44", "base-gcp-44",
     "published", {"link": f"{COMPOSES}/gcp"}),
]  # fmt: skip

NOTHING = [
    ("compose.rawhide.image.start", NIGHTLY),
    ("compose.branched.image.complete", BRANCHED),
    ("compose.rawhide.start", {**NIGHTLY, "arch": "i686"}),
    ("compose.28.start", {"branch": "28", "arch": ""}),
    ("compose.bikeshed.complete", {"branch": "Modular-Bikeshed", "arch": ""}),
    ("compose.epelbeta.start", {"log": "start"}),
    ("compose.23.mash-atomic.stop", {"branch": "23"}),
    ("bodhi.updates.fedora.sync", {"repo": "updates"}),
    ("bodhi.update.comment", {"repo": "updates", "release": "44"}),
    ("bodhi.compose.start", {"agent": "releng"}),
    ("bodhi.mashtask.mashing", {"repo": "f44-updates"}),
    ("fedimg.image.upload", {**BOX, "status": "started"}),
    ("fedimg.image.test", {**BOX, "status": "failed"}),
    ("buildsys.task.state.change", {**SPIN, "owner": "ada"}),
    ("buildsys.task.state.change", {**SPIN, "method": "build", "srpm": "a-1-1.fc44.src.rpm"}),
    ("buildsys.task.state.change", {**SPIN, "new": "FREE"}),
    ("buildsys.task.state.change", {**SPIN, "srpm": "Fedora-Live-KDE-armhfp"}),
    ("buildsys.build.state.change", {"name": "kernel", "new": 1, "owner": "ada"}),
    ("pungi.compose.createiso.targets", {"compose_id": "Fedora-44-20260101.n.7"}),
    ("coreos.build.state.change", {"stream": "testing"}),
    ("fedora_image_uploader.published.v1.elsewhere.44", {}),
    ("fedora_image_uploader.published.v2.aws.44", {}),
]


@pytest.mark.parametrize(
    ("topic", "msg", "category", "constraint", "name", "status", "others"), GIVES
)
def test_each_message_gives_its_row(topic, msg, category, constraint, name, status, others):
    key, payload = (category, constraint), {"name": name, "status": status, **others}
    assert told(sent(topic, msg)) == [(key, payload)]
    assert category in CATEGORIES


def test_an_image_of_several_architectures_has_a_row_for_each_that_has_a_box():
    msg = {**SPIN, "method": "image", "srpm": "fedora-cloud-44", "info": CLOUD}
    keys = [key for key, _ in told(sent("buildsys.task.state.change", msg))]
    assert keys == [
        ("artifact-appliance_armhfp", "fedora-cloud-44 44"),
        ("artifact-livecd_x86_64", "fedora-cloud-44 44"),
    ]


@pytest.mark.parametrize(("topic", "msg"), NOTHING)
def test_other_messages_give_nothing(topic, msg):
    assert told(sent(topic, msg)) == []


@pytest.mark.parametrize("topic", sorted({case[0] for case in GIVES}))
@pytest.mark.parametrize(
    "odd",
    [None, "text", 7, [], {}, {"info": {"request": 7}, "id": [], "arch": [], "tags": [7]}],
    ids=repr,
)
def test_odd_messages_are_no_reason_to_fail(topic, odd):
    odd = {**SPIN, **BOX, **STREAM, **odd} if isinstance(odd, dict) else odd
    for _, payload in told(sent(topic, odd)):
        assert all(isinstance(value, str) and value for value in payload.values())


# -- the environment -----------------------------------------------------------------------------


def test_the_environment_is_a_setting():
    message = sent("buildsys.task.state.change", {**SPIN, "owner": "ada"}, environment="stg")
    assert told(message) == []
    ((_, payload),) = told(message, environment="stg")
    assert payload["link"].startswith("https://koji.stg.fedoraproject.org/")
    assert told(sent("compose.rawhide.start", NIGHTLY), environment="stg") == []


def test_an_environment_that_there_is_not_is_named():
    raw = {"statscache.releng.environment": "test"}
    said = r"releng\.environment is 'test'; allowed: one of prod, stg, dev"
    with pytest.raises(ConfigError, match=said):
        registry.load(Config(raw, registry.names(raw)))


# -- the layout ----------------------------------------------------------------------------------


def test_the_layout_has_a_box_for_each_category_the_old_ones_first():
    old = [
        *(
            f"compose-{branch}_{arch}"
            for branch in ("rawhide", "branched")
            for arch in ("primary", "arm", "ppc", "s390")
        ),
        *("updates-fedora", "updates-epel", "ami-branched", "ami-rawhide"),
        *("artifact-appliance_armhfp", "artifact-livecd_x86_64", "artifact-livecd_i686"),
    ]
    assert CATEGORIES[: len(old)] == old
    assert len({*CATEGORIES}) == len(CATEGORIES)
    known = {"id", "name", "show_status", "show_time_at", "link_for"}
    for group in LAYOUT["groups"]:
        assert {"id", "components"} <= group.keys() <= {"id", "name", "components"}
        for component in group["components"]:
            assert {"id", "name"} <= component.keys() <= known


def test_every_status_has_its_colour_by_lower_case_keys():
    options = LAYOUT["default_options"]
    assert options["old_log_threshold"] == {"key": "hours", "value": 24}
    assert (options["show_time_at"], options["show_status"]) == (True, True)
    for mapping in (options["status_verb_map"], options["status_class_map"]):
        assert all(key == key.lower() for key in mapping)
    assert {case[5].lower() for case in GIVES} <= options["status_class_map"].keys()


# -- as the dashboard asks -----------------------------------------------------------------------


def filled(make_engine: MakeEngine, messages: list[dict[str, Any]], **settings: Any) -> Engine:
    engine = make_engine(plugins__enabled=[IDENT], **settings)
    hear(engine, messages)
    return engine


def hear(engine: Engine, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        assert engine.accept(message, NOW, more=True)
    engine.flush(NOW)
    turn(engine)


def client(engine: Engine) -> Any:
    return create_app(engine.config, found=engine.registry, now=lambda: NOW).test_client()


def jsonp(engine: Engine, path: str = PATH) -> Any:
    """What the page gets, asked as it asks."""
    callback = "jQuery21409_1767225600123"
    url = f"{path}?callback={callback}&_=1767225600124"
    answer = client(engine).get(url, headers={"Accept": "*/*"})
    assert (answer.status_code, answer.mimetype) == (200, "application/javascript")
    match = re.fullmatch(rf"(?:/\*\*/)?{callback}\((.*)\);?", answer.text)
    assert match
    return json.loads(match[1])


def busy(number: int) -> list[dict[str, Any]]:
    """So many pushes of repositories of their own, a second apart, the last one newest."""
    return [
        sent("bodhi.compose.sync.done", {"repo": f"repo-{place:04}"}, AT + place)
        for place in range(number)
    ]


def test_two_requests_make_the_page(make_engine: MakeEngine) -> None:
    messages = [
        sent(topic, msg, AT - place) for place, (topic, msg, *_) in enumerate(GIVES)
    ] + busy(300)
    engine = filled(
        make_engine, messages, app__default_rows_per_page=2, app__maximum_rows_per_page=5
    )
    assert jsonp(engine, f"{PATH}/layout") == LAYOUT
    rows = jsonp(engine)
    assert all(isinstance(row["timestamp"], int | float) for row in rows)
    assert [row["timestamp"] for row in rows] == sorted(
        (row["timestamp"] for row in rows), reverse=True
    )
    for row in rows:
        said = json.loads(row["message"])
        assert {"name", "status"} <= said.keys() <= KNOWN
        assert None not in said.values()
    there = Counter(row["category"] for row in rows)
    keys: dict[str, set[str]] = {}
    for case in GIVES:
        keys.setdefault(case[2], set()).add(case[3])
    assert there.pop("updates-push") == 8
    assert there == {name: len(of) for name, of in keys.items() if name != "updates-push"}
    newest = [row["category_constraint"] for row in rows if row["category"] == "updates-push"]
    assert newest == [f"repo-{place:04}" for place in range(299, 291, -1)]


def test_whoever_chooses_gets_pages_of_all_rows(make_engine: MakeEngine) -> None:
    engine = filled(make_engine, busy(40), app__default_rows_per_page=30)
    asked = client(engine)
    for arguments, rows in {
        "": 8,
        "?fields=timestamp": 8,
        "?category=updates-push&category=none": 8,
        "?category_constraint=repo-0001": 1,
        "?time=ms": 8,
        "?format=csv": 9,
        "?page=1": 30,
        "?rows_per_page=20": 20,
        "?order=desc": 30,
        "?limit=9": 9,
        "?start=0": 30,
        "?stop=now": 30,
        "?before=now": 30,
    }.items():
        answer = asked.get(f"{PATH}{arguments}")
        found = len(answer.text.splitlines()) if "csv" in arguments else len(answer.json)
        assert (arguments, found) == (arguments, rows)
    answer = asked.get(PATH)
    assert (answer.headers["X-Link-Number"], answer.headers["X-Link-Count"]) == ("1", "1")
    assert answer.headers["Link"] == (
        f'<http://localhost{PATH}>; rel="first", <http://localhost{PATH}>; rel="last"'
    )
    assert len(asked.get(f"{PATH}/export").text.splitlines()) == 41
    assert len(asked.get(f"{PATH}/latest").json) == 1
    assert asked.get(f"{PATH}?every=1h").status_code == 400
    described = asked.get("/api/openapi.json").json["paths"]
    assert "the newest 8 rows of each" in described[PATH]["get"]["description"]
    assert "the newest 8 rows" not in described[f"{PATH}/export"]["get"]["description"]


@on_sqlite
def test_without_rows_it_is_an_empty_page(make_engine: MakeEngine) -> None:
    assert jsonp(filled(make_engine, [])) == []


def test_an_event_that_is_newer_changes_the_tag_and_an_older_one_no_row(
    make_engine: MakeEngine,
) -> None:
    engine = filled(make_engine, busy(3))
    asked = client(engine)
    before = asked.get(PATH)
    tag = {"If-None-Match": before.headers["ETag"]}
    assert asked.get(PATH, headers=tag).status_code == 304
    hear(engine, [sent("bodhi.compose.composing", {"repo": "repo-0001"}, AT - 9)])
    assert asked.get(PATH).json == before.json
    hear(engine, [sent("bodhi.compose.composing", {"repo": "repo-0001"}, AT + 9)])
    after = asked.get(PATH, headers=tag)
    assert after.status_code == 200
    assert json.loads(after.json[0]["message"]) == {"name": "repo-0001", "status": "composing"}
    assert len(after.json) == 3


def test_of_one_moment_the_greater_message_wins_and_comes_first(make_engine: MakeEngine) -> None:
    messages = [
        sent("bodhi.compose.sync.done", {"repo": f"repo-{place:02}"}, AT) for place in range(20)
    ]
    messages += [
        sent(f"bodhi.compose.{event}", {"repo": "repo-19"}, AT) for event in ("composing",)
    ]
    random.Random(4).shuffle(messages)
    rows = jsonp(filled(make_engine, messages))
    assert [row["category_constraint"] for row in rows] == [
        f"repo-{place}" for place in range(19, 11, -1)
    ]
    assert json.loads(rows[0]["message"])["status"] == "synced"


@on_sqlite
@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.randoms(use_true_random=False), parts=st.integers(1, 4))
def test_in_whatever_order_they_come_the_page_is_the_same(
    make_engine: MakeEngine, order: random.Random, parts: int
) -> None:
    messages = [
        sent(topic, msg, AT + place % 3) for place, (topic, msg, *_) in enumerate(GIVES + GIVES)
    ]
    wanted = sorted_rows(messages)
    order.shuffle(messages)
    engine = filled(make_engine, [], now=NOW)
    with engine.store.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM stat_{IDENT.replace('-', '_')}")
    for part in range(parts):
        hear(engine, messages[part::parts])
    found = [(row["timestamp"], row["category"], row["message"]) for row in jsonp(engine)]
    engine.stop(NOW)
    engine.store.close()
    assert found == wanted


def sorted_rows(messages: list[dict[str, Any]]) -> list[tuple[float, str, str]]:
    """The same, reckoned from nothing: the newest of each key, of these eight of a category."""
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for message in messages:
        for key, payload in told(message):
            text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
            event = (message["timestamp"], text)
            best[key] = max(best.get(key, event), event)
    rows = sorted(
        (
            (time, text, constraint, category)
            for (category, constraint), (time, text) in best.items()
        ),
        reverse=True,
    )
    seen: Counter[str] = Counter()
    shown = []
    for time, text, _, category in rows:
        seen[category] += 1
        if seen[category] <= 8:
            shown.append((time, category, text))
    return shown
