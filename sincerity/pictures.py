"""Pictures of a report, as SVG without any text in it: words stand beside them, and keep their size on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sincerity.findings import Interval, Period
from sincerity.shares import Share


def scale(interval: Interval, most: float = 100) -> str:
    """A line from 0 to `most` with the interval on it and a mark at the value."""
    low, high, value = (100 * x / most for x in (interval.low, interval.high, interval.value))
    said = f"{interval.value:g}, 95 % interval {interval.low:g} to {interval.high:g}, of {most:g}"
    return (
        f'<svg class="scale" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{said}">'
        '<rect class="track" x="0" y="3" width="100" height="2" rx="1"/>'
        f'<rect class="band" x="{low:.2f}" y="2" width="{max(high - low, 0.6):.2f}" height="4" rx="1"/>'
        f'<rect class="mark" x="{min(max(value - 0.4, 0), 99.2):.2f}" y="0" width="0.8" height="8"/></svg>'
    )


def mix(shares: Mapping[str, Share | float]) -> str:
    """One bar in the labels' colours."""
    parts, x = [], 0.0
    for label, share in shares.items():
        width = 100 * (share.estimate if isinstance(share, Share) else share)
        parts.append(f'<rect class="{label}" x="{x:.2f}" y="0" width="{width:.2f}" height="8"/>')
        x += width
    said = ", ".join(
        f"{label} {100 * (share.estimate if isinstance(share, Share) else share):.0f} %"
        for label, share in shares.items()
    )
    return (
        f'<svg class="mix" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{said}">'
        f"{''.join(parts)}</svg>"
    )


def over_time(periods: Sequence[Period]) -> str:
    """A column for each period, as high as it has posts, in the labels' colours."""
    most = max((sum(period.labels.values()) for period in periods), default=0) or 1
    width = 100 / max(len(periods), 1)
    gap = min(0.12 * width, 0.8)
    bars = []
    for i, period in enumerate(periods):
        y = 100.0
        for label, count in period.labels.items():
            height = 100 * count / most
            y -= height
            if count:
                bars.append(
                    f'<rect class="{label}" x="{i * width + gap:.3f}" y="{y:.2f}" width="{width - 2 * gap:.3f}" '
                    f'height="{height:.2f}"><title>{period.start}: {count} {label}</title></rect>'
                )
    return (
        '<svg class="time" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="Posts of each label in {len(periods)} periods">{"".join(bars)}</svg>'
    )


def heat_map(hours: Sequence[Sequence[int]]) -> str:
    """Weekdays by hours, the darker the more posts."""
    most = max(max(row) for row in hours) or 1
    days = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
    cells = [
        f'<rect x="{hour + 0.04}" y="{day + 0.06:.2f}" width="0.92" height="0.88" rx="0.12" '
        f'class="{"heat" if count else "cold"}"{_opacity(count / most)}>'
        f"<title>{days[day]} {hour:02d}:00, {count} {'post' if count == 1 else 'posts'}</title></rect>"
        for day, row in enumerate(hours)
        for hour, count in enumerate(row)
    ]
    return (
        '<svg class="heatmap" viewBox="0 0 24 7" preserveAspectRatio="none" role="img" '
        f'aria-label="Posts by weekday and hour; at most {most} in one hour">{"".join(cells)}</svg>'
    )


def _opacity(share: float) -> str:
    return f' fill-opacity="{0.15 + 0.85 * share:.2f}"' if share else ""
