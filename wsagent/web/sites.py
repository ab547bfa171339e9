"""The sites that C{twistd wsagent} has beside its WebSockets."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site
from twisted.web.static import File

from .pages import Page


class _Bodiless(Request):
    """A request whose body nobody wants; kept, it could fill the disk."""

    def handleContentChunk(self, data: bytes) -> None:
        """Let it pass."""


class _Files(File):
    """A folder whose files can be had, and not listed."""

    def getChild(self, path: bytes, request: Any) -> Any:
        """Find what is there; of what no file can be called, Twisted raises."""
        return super().getChild(path, request) if _isName(path) else self.childNotFound

    def makeProducer(self, request: Any, fileForReading: Any) -> Any:
        """Give a part of a file; all of it, if C{Range} is what Twisted raises at."""
        if not (request.getHeader(b"Range") or b"").isascii():
            request.requestHeaders.removeHeader(b"Range")
        return super().makeProducer(request, fileForReading)

    def directoryListing(self) -> Resource:
        """Say that there is nothing."""
        return self.childNotFound


def staticSite(folder: str) -> Site:
    """Make a site of the files in a folder; of a folder, C{index.html}."""
    # Twisted would have what it does not know be HTML, scripts and all.
    files = _Files(folder, defaultType="application/octet-stream")
    return _siteOf(files, _Bodiless)


def givenSite(found: Any) -> Site:
    """
    Make a site of a resource.

    @param found: a site already; or an L{IResource}; or what makes one, as its
        class or an application of Klein's.
    @raise TypeError: it is none of these.
    """
    resource = found
    if not isinstance(found, Site) and not IResource.providedBy(found):
        make = found if callable(found) else getattr(found, "resource", None)
        resource = make() if callable(make) else found
    if isinstance(resource, Site):
        return resource
    if not IResource.providedBy(resource):
        raise TypeError(type(resource).__name__)
    return _siteOf(resource)


def demoSite() -> Site:
    """Make the site of the default application: one page."""
    root = Resource()
    root.putChild(b"", Page("page"))
    return _siteOf(root, _Bodiless)


def _isName(path: bytes) -> bool:
    """Ask whether a file could be called so."""
    try:
        return "\0" not in path.decode()
    except UnicodeDecodeError:
        return False


def _siteOf(resource: IResource, makeRequest: type[Request] = Request) -> Site:
    """Make a site that shows nobody a traceback."""
    site = Site(resource, makeRequest)
    site.displayTracebacks = False
    site.noisy = False
    return site
