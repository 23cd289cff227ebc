"""Who and what the stories on the bus are about, and what they are told in: messages as sent.

People and events are invented; topics and fields are those of the real messages.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from time import gmtime, strftime
from typing import Any, NamedTuple

Msg = dict[str, Any]

LONGEST = 9_000
"""Seconds from the beginning of a story to its last message, at most."""


def _ranked(names: str) -> tuple[str, ...]:
    """Each name as often as its rank makes it likely (Zipf's law), to be drawn from evenly."""
    ranks = list(enumerate(names.split(), 1))
    return tuple(name for rank, name in ranks for _ in range(round(len(ranks) / rank)))


PEOPLE = _ranked(
    """
    jpellow sivanova dmarek gtanaka brolin kzimmer iokafor cobaltfox efischer mnovotny rmalone
    foxglove hlindqv opetit tcastell abernath nsaarin bitwhisk lbrandt qdevries emberlyn pharrow
    vkolarik wtremb ymori gneissguy cwinters xlopez driftwood zdravko fquimby juniperk ubergman
    adele77 hazelnutt inkwell9
    """
)
PACKAGES = _ranked(
    """
    kernel systemd python3.13 firefox rust gcc glibc llvm mesa golang webkitgtk qemu libreoffice
    selinux-policy NetworkManager gnome-shell podman mutter vim dnf5 texlive java-21-openjdk
    thunderbird chromium nodejs22 php ruby perl bash coreutils openssl curl git cmake boost
    pipewire wireplumber gtk4 gtk3 glib2 cairo pango harfbuzz freetype fontconfig kwin
    plasma-desktop plasma-workspace qt6-qtbase qt6-qtdeclarative dolphin konsole kate okular
    nautilus gnome-software gdm evolution gedit evince gstreamer1 flatpak rpm-ostree toolbox
    buildah skopeo crun kubernetes etcd cri-o helm ansible cloud-init libvirt virt-manager edk2
    grub2 shim dracut plymouth anaconda lorax pungi koji mock createrepo_c rpm librepo libsolv
    PackageKit fwupd udisks2 upower bluez avahi cups samba krb5 sssd freeipa 389-ds-base openldap
    gnutls nss nettle libgcrypt gnupg2 openssh fail2ban firewalld nftables iproute wireshark nmap
    tcpdump ethtool dnsmasq bind unbound postfix dovecot exim nginx httpd haproxy squid memcached
    valkey postgresql16 mariadb sqlite rabbitmq-server zeromq python-requests python-urllib3
    python-flask python-jinja2 python-django python-numpy python-scipy python-pandas
    python-sqlalchemy python-pytest python-sphinx python-setuptools python-pip python-twisted
    python-aiohttp python-click python-rich python-fedmsg perl-Moose perl-DateTime perl-DBI
    rubygem-rails rubygem-nokogiri php-symfony rust-serde rust-tokio rust-clap ghc pandoc ocaml
    erlang elixir R-core R-ggplot2 octave julia maxima gnuplot gimp inkscape krita blender
    darktable audacity ardour8 lmms musescore vlc mpv kodi wine wesnoth supertuxkart 0ad freeciv
    nethack emacs neovim nano zsh fish tmux htop btop strace gdb valgrind elfutils binutils make
    """
)
RELEASES = _ranked("fc44 fc43 fc42 el10 el9")


class Cast(NamedTuple):
    """Who and what a story is about; `now` is when it begins (whole epoch seconds, UTC)."""

    rng: Random
    now: int
    person: str
    other: str
    package: str
    version: str
    dist: str
    number: int
    sha: str

    @property
    def release(self) -> str:
        return f"{self.number % 5 + 1}.{self.dist}"

    @property
    def nvr(self) -> str:
        return f"{self.package}-{self.version}-{self.release}"

    @property
    def branch(self) -> str:
        """The release as Koji and dist-git call it: `f44`, `epel9`."""
        return self.dist.replace("fc", "f").replace("el", "epel")

    @property
    def day(self) -> str:
        return strftime("%Y%m%d", gmtime(self.now))


def cast(rng: Random, now: int) -> Cast:
    """A cast drawn anew, for one story."""
    number, sha = rng.randrange(1_000_000, 10_000_000), f"{rng.getrandbits(160):040x}"
    people, version = (rng.choice(PEOPLE), rng.choice(PEOPLE)), f"{number % 9}.{number % 31}.1"
    return Cast(rng, now, *people, rng.choice(PACKAGES), version, rng.choice(RELEASES), number, sha)


class Sent(NamedTuple):
    """A message as it was sent, `after` so many seconds of its story.

    `username` is the unix account of the publisher, None where a bridge brought the message.
    """

    after: float
    topic: str
    username: str | None
    msg: Msg


Shape = Callable[[Cast], list[Sent]]
"""Tells a story, such as a build and its tag."""


def fedora(after: float, event: str, username: str | None, /, **msg: Any) -> Sent:
    """A message below Fedora's own prefix."""
    return Sent(after, f"org.fedoraproject.prod.{event}", username, msg)
