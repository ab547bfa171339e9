"""What a person, or a program in a pipe, says to a peer and hears from it."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from threading import Thread

from .blocking import BlockingConnection
from .core import codes
from .errors import ClosedCleanly, ClosedUncleanly
from .terminal import Lines, Pipe, Terminal, escaped, ignoreOutput

PONG_TIMEOUT = 10
"""Seconds that a ping waits for."""

COMMANDS = {
    "/ping": "/ping [TEXT]            show how long a ping and its pong take",
    "/hex": "/hex 00 ff              send a bytes message",
    "/close": "/close [CODE [REASON]]  say goodbye; so do Ctrl-D and Ctrl-C, with 1000",
    "/help": "/help                   show this; //text sends /text",
}

_FINE = (codes.NORMAL, codes.GOING_AWAY, codes.NO_CODE)
"""Close codes of a server that say no more than that it has gone."""


def fail(why: str, status: int = 1) -> int:
    """Say what is wrong, in one line; give the exit status."""
    sys.stderr.write(f"wsagent: {escaped(why)}\n")
    return status


def milliseconds(seconds: float) -> str:
    """Write a short time."""
    return f"{1000 * seconds:.1f} ms"


class Talk:
    """What is said on one open connection."""

    def __init__(
        self,
        peer: BlockingConnection,
        screen: Terminal | Pipe,
        binary: str | None = None,
        isJSON: bool = False,
        wait: float | None = 1,
    ) -> None:
        """
        @param binary: lines are bytes messages, in C{"hex"} or C{"raw"}.
        @param isJSON: messages are indented, if they can be.
        @param wait: seconds for answers, after the end of a pipe; C{None} is
            until the server closes.
        """
        self._peer = peer
        self._screen = screen
        self._binary = binary
        self._isJSON = isJSON
        self._wait = wait
        self._lines = Lines(screen.read)

    def run(self) -> int:
        """
        Talk until one side has enough.

        @return: the exit status.
        """
        status = 0
        receiver = Thread(target=self._receive, daemon=True)
        receiver.start()
        try:
            self._send()
            if not self._screen.isInteractive:
                self._linger(receiver)
        except KeyboardInterrupt:
            status = 130
        except ValueError as error:
            status = fail(str(error), 2)
        except OSError as error:
            status = fail(f"input: {error.strerror or error}")
        except (ClosedCleanly, ClosedUncleanly):
            # How it ended is said below.
            pass
        finally:
            self._screen.close()
        self._peer.close()
        receiver.join()
        ended = self._end(self._peer.closed)
        return status or ended

    def _send(self) -> None:
        """Send what is typed or piped, until its end."""
        say = self._typed if self._screen.isInteractive else self._piped
        with suppress(EOFError):
            while True:
                say(self._lines.read())

    def _piped(self, line: bytes) -> None:
        """Send a line, whatever it is."""
        self._peer.send(self._message(line))

    def _typed(self, line: bytes) -> None:
        """Send a line, or do what it says."""
        try:
            if line.startswith(b"/") and not line.startswith(b"//"):
                self._command(line)
            elif line:
                self._peer.send(self._message(line.replace(b"//", b"/", 1)))
        except ValueError as error:
            self._screen.tell(str(error))

    def _linger(self, receiver: Thread) -> None:
        """Wait for answers."""
        # What was answered at once comes before the pong.
        with suppress(TimeoutError):
            self._peer.ping(timeout=PONG_TIMEOUT)
        receiver.join(self._wait)

    def _message(self, line: bytes) -> str | bytes:
        """
        Read a line as a message.

        @raise ValueError: it is none.
        """
        if self._binary == "raw":
            return line
        if self._binary == "hex":
            return _fromHex(line)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise ValueError(f"line {line!r}, allowed: UTF-8, see --binary") from None

    def _command(self, line: bytes) -> None:
        """
        Do what is asked for.

        @raise ValueError: it cannot be done.
        """
        word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
        if word == "/ping":
            payload = rest.encode() or None
            Thread(target=self._ping, args=(payload,), daemon=True).start()
        elif word == "/hex":
            self._peer.send(_fromHex(rest.encode()))
        elif word == "/close":
            code, _, reason = rest.partition(" ")
            if code and not (code.isascii() and code.isdigit()):
                raise ValueError(f"close code {code!r}, allowed: a number")
            self._peer.close(int(code or codes.NORMAL), reason)
        elif word == "/help":
            self._screen.tell("\n".join(COMMANDS.values()))
        else:
            allowed = ", ".join(COMMANDS)
            raise ValueError(f"{word}, allowed: {allowed}; //text sends /text")

    def _ping(self, payload: bytes | None) -> None:
        """Show how long a ping takes."""
        try:
            seconds = self._peer.ping(payload, PONG_TIMEOUT)
        except TimeoutError:
            self._screen.tell(f"no pong in {PONG_TIMEOUT} s")
        except ValueError as error:
            self._screen.tell(str(error))
        except (ClosedCleanly, ClosedUncleanly):
            pass
        else:
            self._screen.tell(f"pong after {milliseconds(seconds)}")

    def _receive(self) -> None:
        """Show what comes, until the end."""
        try:
            while True:
                message = self._peer.receive()
                if isinstance(message, bytes):
                    self._screen.showBytes(message)
                else:
                    text = _indented(message) if self._isJSON else message
                    self._screen.showText(text)
        except (ClosedCleanly, ClosedUncleanly):
            pass
        except OSError:
            # Nobody reads any more, as after "| head".
            ignoreOutput()
        finally:
            self._lines.stop()

    def _end(self, end: ClosedCleanly | ClosedUncleanly | None) -> int:
        """Say how it ended; give the exit status."""
        assert end is not None
        isClean = isinstance(end, ClosedCleanly)
        said = (
            f"closed {'' if isClean else 'uncleanly '}"
            f"by {'us' if end.initiator == 'us' else 'the server'} with {end.code}"
            + (f": {end.reason}" if end.reason else "")
        )
        if not isClean or (end.initiator != "us" and end.code not in _FINE):
            return fail(said)
        self._screen.tell(said)
        return 0


def _fromHex(line: bytes) -> bytes:
    """
    Read octets in hex.

    @raise ValueError: they are not.
    """
    try:
        return bytes.fromhex(line.decode())
    except ValueError:
        raise ValueError(f"line {line!r}, allowed: pairs of hex digits") from None


def _indented(text: str) -> str:
    """Indent a text, if it is JSON."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
