"""Proxies in front of a server: nginx and haproxy, each a process."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess

import pytest

from tests.documents import ROOT, files

from .client import PATIENCE, dial
from .process import waitUntil

PAGE = ROOT / "docs" / "behind-a-proxy.rst"
CLIENT = "127.0.0.5"
"""Where the clients connect from; the proxies do so from 127.0.0.1."""

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {config}
}}
"""


def dialFront(port: int, client: str = CLIENT) -> socket.socket:
    """Connect from an address that is not the proxy's."""
    where = ("127.0.0.1", port)
    return socket.create_connection(where, PATIENCE, (client, 0))


class Front:
    """
    A proxy that runs in front of a server.

    @ivar port: where it listens.
    """

    def __init__(self, folder, program: str, config: str, **names: object) -> None:
        """
        Start it, and wait until it listens.

        @param folder: where it has its files.
        @param config: the caption of a configuration on L{PAGE}.
        @param names: what stands in it, without what is no letter, and what is
            to stand there; the port 443 is a free one.
        """
        path = os.environ["PATH"] + ":/usr/sbin"
        found = shutil.which(program, path=path)
        if found is None:
            pytest.skip(f"no {program} here")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        text = files(PAGE)[config]
        changes = {r"(?<=listen )443": f"127.0.0.1:{self.port}"}
        changes[r"(?<=bind ):443"] = f"127.0.0.1:{self.port}"
        for pattern, value in {**changes, **names}.items():
            text = re.sub(pattern, str(value), text)
        file = folder / config
        if program == "nginx":
            text = _NGINX.format(folder=folder, config=text)
            command = ["-p", folder, "-c", file, "-e", "stderr"]
        else:
            command = ["-db", "-f", file]
        file.write_text(text)
        self._log = folder / f"{program}.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [found, *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        waitUntil(self._listens, f"{program} that listens")

    def _listens(self) -> bool:
        """Ask whether it listens."""
        assert self._process.poll() is None, self._log.read_text()
        try:
            dial(self.port).close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
