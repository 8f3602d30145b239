"""Names beside points, placed so that none covers another or a point."""

FONT_SIZE = 8.5
MARK = 5
# Where a name may stand, nearest first: the way from the point to the name in
# points, and which side of the name's box is there.
PLACES = [
    (dx * reach, dy * reach, horizontal, vertical)
    for reach in (1, 2, 3, 4.5, 6.5, 9, 12)
    for dx, dy, horizontal, vertical in (
        (8, 0, "left", "center"),
        (6, 6, "left", "bottom"),
        (6, -6, "left", "top"),
        (-8, 0, "right", "center"),
        (-6, 6, "right", "bottom"),
        (-6, -6, "right", "top"),
        (0, 8, "center", "bottom"),
        (0, -8, "center", "top"),
    )
]
SHARE = {"left": 0, "bottom": 0, "center": 0.5, "right": 1, "top": 1}


def place_labels(axes, points, lines=()):
    """Write each point's name where it is free, with a hair line if far off.

    Greedy: the points in order, each name at the first of `PLACES` where its
    box lies inside the axes and touches no point, no horizontal line, no
    earlier name and no hair line; where there is none, hair lines are crossed
    before names are covered. The limits and the layout of the figure must be
    final.

    Args:
        axes: The axes, with the points drawn already.
        points: List of (x, y, text, color) in data coordinates.
        lines: Heights of horizontal lines, in data coordinates.

    Returns:
        List of the names' boxes in pixels, in the order of `points`.
    """
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    pixels = axes.figure.dpi / 72
    marks = [axes.transData.transform((x, y)) for x, y, *_ in points]
    taken = [Bbox([m - MARK * pixels, m + MARK * pixels]) for m in marks]
    for height in lines:
        y = axes.transData.transform((1, height))[1]
        taken.append(Bbox([[frame.x0, y - pixels], [frame.x1, y + pixels]]))
    num_fixed = len(taken)
    hairs = []

    def touches(index, box, hair):
        """How badly a name and its hair line would cover other things."""
        names = taken[num_fixed:]
        points = taken[: len(marks)]
        others = points[:index] + points[index + 1 :] + names
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
        inside = inside and frame.y0 <= box.y0 and box.y1 <= frame.y1
        # A crossed hair line is ugly, a covered name cannot be read.
        return (
            10 * sum(box.overlaps(thing) for thing in taken)
            + sum(hair.intersects_bbox(thing, False) for thing in others)
            + sum(line.intersects_bbox(box, False) for line in hairs)
            + 1000 * (not inside)
        )

    def trial(index, place, extent):
        dx, dy, horizontal, vertical = place
        end = marks[index] + (dx * pixels, dy * pixels)
        left = end[0] - SHARE[horizontal] * extent.width
        bottom = end[1] - SHARE[vertical] * extent.height
        box = Bbox.from_bounds(left, bottom, extent.width, extent.height)
        return box, Path([marks[index], end])

    for index, (x, y, text, color) in enumerate(points):
        label = axes.annotate(
            text,
            (x, y),
            (0, 0),
            textcoords="offset points",
            color=color,
            fontsize=FONT_SIZE,
        )
        extent = label.get_window_extent(renderer)
        place = min(
            PLACES,
            key=lambda place: touches(index, *trial(index, place, extent)),
        )
        box, hair = trial(index, place, extent)
        dx, dy, horizontal, vertical = place
        label.set(position=(dx, dy), ha=horizontal, va=vertical)
        if max(abs(dx), abs(dy)) > 10:
            _draw_hair(axes, (x, y), (dx, dy), color)
            hairs.append(hair)
        taken.append(box)
    return taken[num_fixed:]


def _draw_hair(axes, point, way, color):
    line = {"arrowstyle": "-", "color": color, "lw": 0.7, "shrinkB": MARK - 1}
    axes.annotate("", point, way, textcoords="offset points", arrowprops=line)


def spread(heights, gap, low, high):
    """Heights moved apart as little as needed, in order, inside [low, high].

    Args:
        heights: Numbers, in any order.
        gap: The least distance between two of them afterwards.
        low: The least height; given up first where all do not fit.
        high: The greatest height.

    Returns:
        List of numbers in the order of `heights`.
    """
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    floor = low
    for index in order:
        moved[index] = max(moved[index], floor)
        floor = moved[index] + gap
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved
