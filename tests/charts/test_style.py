"""Colours are seen by everybody, on both grounds."""

from __future__ import annotations

from itertools import combinations

import pytest

from statscache.charts.style import FAINT, GROUND, INK, REST, SERIES, STEPS

DEFICIENCIES = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What linear RGB becomes (G. Machado, M. Oliveira and L. Fernandes, "A Physiologically-based Model
for Simulation of Color Vision Deficiency", 2009)."""

TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
"""B. Ottosson, "A perceptual color space for image processing" (Oklab), 2020."""

light_and_dark = pytest.mark.parametrize("scheme", [0, 1])


def linear(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def luminance(colour):
    return sum(times([(0.2126, 0.7152, 0.0722)], linear(colour)))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(colour, deficiency):
    seen = [max(0, one) for one in times(DEFICIENCIES[deficiency], linear(colour))]
    return times(TO_LAB, [one ** (1 / 3) for one in times(TO_LMS, seen)])


@light_and_dark
def test_lines_stand_out_from_the_ground_and_text_more_so(scheme):
    ground = GROUND[scheme]
    assert min(contrast(one[scheme], ground) for one in (*SERIES, REST)) >= 3
    assert min(contrast(one[scheme], ground) for one in (INK, FAINT)) >= 4.5


@light_and_dark
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_no_two_series_look_alike(scheme, deficiency):
    seen = [lab(one[scheme], deficiency) for one in (*SERIES, REST)]
    distances = [
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        for one, other in combinations(seen, 2)
    ]
    assert min(distances) > 0.06


@light_and_dark
def test_more_is_farther_from_the_ground(scheme):
    found = [contrast(one[scheme], GROUND[scheme]) for one in STEPS]
    assert found == sorted(found)
