"""The rows as Markdown."""

import statistics

HEAD = """# Speed, side by side

Written by `python -m benchmarks.speed.side_by_side`. Ratios are medians of
pairs measured in turns, the lowest and highest in brackets; of speeds, unless
a row says otherwise, so above 1 is faster than what stands after the stroke.
"""


def page(rows):
    """All rows, what they were measured on, and how."""
    parts = [HEAD]
    for name, row in rows.items():
        parts += [f"## {name}. {row['title']}\n", ratios(row["ratios"])]
        for unit in ("seconds a step", "seconds"):
            if unit in row:
                parts.append(seconds(unit, row))
        if "MB" in row:
            parts.append(peaks(row))
        parts += [f"{note}\n" for note in row.get("notes", [])]
        parts.append(measured_on(row["machine"]))
    return "\n".join(parts)


def ratios(found):
    lines = ["| ratio | median | wanted |", "|---|---:|---:|"]
    for name, one in found.items():
        spread = f"({one['lowest']:.3f} to {one['highest']:.3f})"
        lines.append(f"| {name} | {one['median']:.3f} {spread} | {goal(one)} |")
    return "\n".join(lines) + "\n"


def goal(one):
    """What a ratio should be, and whether it is."""
    if one.get("wanted"):
        met = one["median"] >= one["wanted"]
        return f"at least {one['wanted']}: {'yes' if met else 'no'}"
    if one.get("most"):
        met = one["highest"] <= one["most"]
        return f"at most {one['most']}: {'yes' if met else 'no'}"
    return ""


def seconds(unit, row):
    """Medians, and images/s where a step has images."""
    images = row.get("images a step")
    last = " images/s |" if images else ""
    lines = [
        f"| | {unit} | lowest | highest |{last}",
        "|---|---:|---:|---:|" + ("---:|" if images else ""),
    ]
    for name, each in row[unit].items():
        middle = statistics.median(each)
        rate = f" {images / middle:.0f} |" if images else ""
        lines.append(
            f"| {name} | {middle:.4f} | {min(each):.4f} | {max(each):.4f} |"
            f"{rate}"
        )
    return "\n".join(lines) + "\n"


def peaks(row):
    lines = [
        f"| peak MB | {' | '.join(f'{num:,}' for num in row['pools'])} |",
        "|---|" + "---:|" * len(row["pools"]),
    ]
    for name, each in row["MB"].items():
        lines.append(f"| {name} | {' | '.join(f'{x:.0f}' for x in each)} |")
    return "\n".join(lines) + "\n"


def measured_on(machine):
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}, load {machine['load before']} before; "
        f"{versions}.\n"
    )
