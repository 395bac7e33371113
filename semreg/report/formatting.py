"""Durations for readers."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Format seconds as `0.03s`, `8s`, `1m40s`, `2h05m`, `3d02h`."""
    whole = round(seconds)
    if 0 < seconds < 0.95:
        return f"{max(seconds, 0.001):.1g}s"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
