"""File descriptors, of which each connection takes one."""

from __future__ import annotations

try:
    import resource
except ImportError:  # pragma: no cover - as on Windows
    resource = None  # type: ignore[assignment]

_OTHERS = 64
"""Descriptors for what is no connection: files, ports, and what is refused."""


def connectionsAtMost() -> int | None:
    """
    Say how many connections there can be at once.

    @return: C{None} if the system sets no limit.
    """
    if resource is None:  # pragma: no cover - as on Windows
        return None
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return None
    return max(descriptors - _OTHERS, descriptors // 2, 1)
