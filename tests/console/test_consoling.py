"""L{wsagent.console.consoling}: what is typed, or piped, to a console."""

import io
import sys

from wsagent.console.consoling import Typing, Words
from wsagent.terminal import Pipe

from .consoles import AskerCase


class PipeTests(AskerCase):
    """Commands from a pipe."""

    def setUp(self):
        """Catch what is said beside the answers."""
        super().setUp()
        self.errors = io.StringIO()
        self.patch(sys, "stderr", self.errors)
        self.sink = io.BytesIO()

    def piped(self, text):
        """Pipe commands; give the exit status and the lines of the answers."""
        screen = Pipe(io.BytesIO(text.encode("utf-8", "surrogateescape")), self.sink)
        status = Typing(self.asker, screen, Words()).run()
        return status, self.sink.getvalue().decode().splitlines()

    def test_answers(self):
        """Answers follow each other, without their ends."""
        status, lines = self.piped("help gc\n\n  \nhelp mem\njson help kill")
        self.assertEqual(status, 0)
        self.assertEqual(
            lines[:2],
            [
                "gc\tCollect garbage",
                "mem\tSay how much memory is used, in octets",
            ],
        )
        self.assertTrue(lines[2].startswith('{"kill": "ADDRESS [CODE'))
        self.assertEqual(self.errors.getvalue(), "")

    def test_refused(self):
        """Why one was refused goes elsewhere; the rest is done, the status is 1."""
        peer, address = self.connect()
        status, lines = self.piped(f"kill :0\nfoo\nkill {address} 4000\n")
        self.assertEqual((status, lines), (1, []))
        self.assertEqual(peer.closed, (4000, ""))
        first, second = self.errors.getvalue().splitlines()
        self.assertRegex(first, "^wsagent: kill: ':0', allowed: the address of ")
        self.assertEqual(second, "wsagent: Invalid command, type help for command list")

    def leaving(self, *lines):
        """Pipe one command, and others when the server has gone; give the status."""

        class Source(io.BytesIO):
            """Gives the first line, and the others later."""

            isFirst = True

            def readline(source):  # noqa: N805 - the test has that name
                if not source.isFirst:
                    self.waitUntil(lambda: not typing._awaited)
                    self.leave()
                    self.waitUntil(lambda: typing._gone is not None)
                source.isFirst = False
                return io.BytesIO.readline(source)

        source = Source(b"".join((b"help gc\n", *lines)))
        typing = Typing(self.asker, Pipe(source, self.sink), Words())
        return typing.run()

    def test_gone(self):
        """A server that goes when all is answered has done what was asked."""
        self.assertEqual(self.leaving(), 0)
        self.assertEqual(self.sink.getvalue(), b"gc\tCollect garbage\n")
        self.assertEqual(self.errors.getvalue(), "")

    def test_goneBefore(self):
        """What is typed after that is not done, and that is said."""
        self.assertEqual(self.leaving(b"help mem\n"), 1)
        self.assertEqual(
            self.errors.getvalue(), "wsagent: a.sock: the server has gone\n"
        )

    def test_octets(self):
        """What is no UTF-8 has the server hang up, which is one line."""
        status, _ = self.piped("mem \udcff\n")
        self.assertEqual(status, 1)
        self.assertEqual(
            self.errors.getvalue(), "wsagent: a.sock: the server has gone\n"
        )


class WordsTests(AskerCase):
    """What the tabulator key completes."""

    def test_words(self):
        """Commands are completed, and behind those that take them addresses."""
        words = Words()
        self.assertEqual(list(words), [])
        words.learnCommands(self.asker.ask("help"))
        self.assertEqual(set(words), set(self.commands.table))
        words.learnAddresses(":0000001a\tagent:Echo\tpath:/:0000001b")
        words.learnAddresses(":0000001c < text, 5 octets")
        added = set(words) - set(self.commands.table)
        for address in (":0000001a", ":0000001c"):
            self.assertIn(f"kill {address}", added)
            self.assertIn(f"info {address}", added)
        self.assertNotIn("kill :0000001b", added)
        self.assertFalse([each for each in added if each.startswith("mem")])

    def test_limit(self):
        """Only the last addresses are remembered."""
        words = Words()
        words.learnCommands({"kill": "ADDRESS : x"})
        for number in range(1100):
            words.learnAddresses(f":{number:08x}\t")
        self.assertEqual(len(list(words)), 1001)
        self.assertIn(f"kill :{1099:08x}", list(words))
