"""The picture: points where their values say, intervals around them, names escaped."""

import re
import xml.etree.ElementTree as ET

from isogloss.studies.scatter import Point, scatter

SVG = "{http://www.w3.org/2000/svg}"


def places(svg):
    marks = [path for path in ET.fromstring(svg).iter(f"{SVG}path") if "translate" in path.get("transform", "")]
    return [tuple(map(float, re.findall(r"[-\d.]+", mark.get("transform")))) for mark in marks]


def test_lower_values_lie_lower_left_and_distances_are_proportional():
    points = [Point("a", "s", 1.0, 0.10), Point("b", "s", 2.0, 0.20), Point("c", "s", 4.0, 0.40)]
    (ax, ay), (bx, by), (cx, cy) = places(scatter(points, title="t", x_title="x", y_title="y"))
    assert ax < bx < cx and ay > by > cy
    assert abs((cx - bx) - 2 * (bx - ax)) < 0.3 and abs((by - cy) - 2 * (ay - by)) < 0.3


def test_an_interval_is_drawn_around_its_point():
    svg = scatter([Point("a", "s", 1.0, 0.2, (0.5, 2.0), (0.1, 0.4))], title="t", x_title="x", y_title="y")
    (x, y), lines = places(svg)[0], [line for line in ET.fromstring(svg).iter(f"{SVG}line") if line.get("class") == "i"]
    across, up = lines
    assert float(across.get("x1")) < x < float(across.get("x2")) and float(across.get("y1")) == y
    assert float(up.get("y1")) > y > float(up.get("y2")) and float(up.get("x1")) == x


def test_names_are_escaped_and_a_single_value_still_has_an_axis():
    svg = scatter([Point("<script>", "<b>", 3.0, 0.0)], title="a < b & c", x_title="x", y_title="y")
    assert "<script>" not in svg and "a &lt; b &amp; c" in svg
    assert ET.fromstring(svg) is not None


def test_series_have_a_legend_and_are_joined_in_order():
    points = [Point("a", "one", 2.0, 0.1), Point("b", "one", 1.0, 0.2), Point("c", "two", 1.5, 0.3)]
    svg = scatter(points, title="t", x_title="x", y_title="y", joined=True)
    assert len(places(svg)) == 3 + 2
    (line,) = [path for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("class") == "s"]
    first, second = (float(part.split(",")[0]) for part in line.get("d")[1:].split("L"))
    assert first < second


def test_without_points_the_picture_has_its_axes_alone():
    """Of systems none of which can be measured, for instance because the base model makes no error."""
    assert places(scatter([], title="t", x_title="x", y_title="y", names_beside=True)) == []
