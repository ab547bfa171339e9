"""The options that say who answers what is no WebSocket: L{SiteOptions}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.python import usage

from .loading import inLine, inOneLine, named

_RESOURCE = "a twisted.web resource or site, or what makes one when it is called"


class SiteOptions(usage.Options):
    """The options that say who answers other requests on the same port."""

    _told = ""
    _site: Any = None

    @inOneLine
    def opt_static(self, folder: str) -> None:
        """
        Folder whose files are served to browsers, on the same port: index.html at /
        [default: without an application a page to try it, else nothing].
        """
        from .web.sites import staticSite

        if not Path(folder).is_dir():
            raise usage.UsageError(f"--static {folder}: allowed: a folder")
        self._take(f"--static {folder}", staticSite(folder))

    @inOneLine
    def opt_web(self, name: str) -> None:
        """
        Resource of twisted.web that answers browsers, on the same port, as
        module:resource, or as module:Class.
        """
        from .web.sites import givenSite

        told = f"--web {name}"
        found = named(told, name, "resource")
        try:
            site = givenSite(found)
        except TypeError as error:
            raise usage.UsageError(f"{told}: {error}, allowed: {_RESOURCE}") from None
        except Exception as error:  # noqa: BLE001 - whatever makes it raises
            raise usage.UsageError(f"{told}: {inLine(error)}") from None
        self._take(told, site)

    def makeSite(self, isDemo: bool) -> IProtocolFactory | None:
        """
        Make the site that was described.

        @param isDemo: there is no application: then there is a page to try it.
        """
        if self._site is None and isDemo:
            from .web.sites import demoSite

            return demoSite()
        site: IProtocolFactory | None = self._site
        return site

    def _take(self, told: str, site: Any) -> None:
        """Take the one site."""
        if self._told:
            raise usage.UsageError(f"{told}: allowed: one of them, told: {self._told}")
        self._told, self._site = told, site
