"""L{wsagent.console.top}: what is shown of a server's agents, without a screen."""

import io
import sys
from itertools import pairwise

from wsagent.console.asking import NoConsole
from wsagent.console.servercommands import ORDERS as KNOWN
from wsagent.console.top import ORDERS, Top, showTop
from wsagent.terminal import columnsOf

from .consoles import AskerCase


class TopTests(AskerCase):
    """L{Top}."""

    def setUp(self):
        """Look."""
        super().setUp()
        self.top = Top(self.asker)

    def type(self, keys):
        """Press keys; tell after which it is time to look."""
        return [self.top.press(key) for key in keys]

    def paths(self, width=200):
        """Look, and give the paths in the table."""
        self.top.look()
        titles, *lines = self.top.table(width)
        place = titles.index("PATH")
        return [line[place:].split()[0] for line in lines]

    def test_table(self):
        """Agents are shown with what they do in a second, once that is known."""
        peer, address = self.connect("/a")
        self.top.look()
        (_, line) = self.top.table(160)
        self.assertEqual(
            line.split()[:5], [address, "Member", "192.0.2.1:54321", "/a", "0:00"]
        )
        self.assertEqual(line.split()[5:], ["-", "-", "0B", "0B", "0B", "-"])
        for _ in range(100):
            peer.sendTextMessage("hello")
        self.clock.advance(2)
        self.top.look()
        (_, line) = self.top.table(160)
        self.assertEqual(
            line.split()[4:], ["0:02", "550B", "0B", "1.1K", "0B", "0B", "-"]
        )
        self.assertEqual(
            self.top.head()[1], "in 50/s 550B/s of 1.1K; out 0/s 0B/s of 0B"
        )

    def test_soon(self):
        """What was measured stays when a key has it look again at once."""
        peer, _ = self.connect()
        self.top.look()
        peer.sendTextMessage("hello")
        self.clock.advance(1)
        self.top.look()
        head = self.top.head()
        self.assertIn("in 1/s", head[1])
        self.clock.advance(0.01)
        self.top.look()
        self.assertEqual(self.top.head(), head)

    def test_widths(self):
        """The table fits the screen, and what is least asked for goes first."""
        self.connect("/a/long/path" * 9)
        self.top.look()
        for width in range(9, 260):
            for line in self.top.table(width):
                self.assertLessEqual(columnsOf(line), width)
        titles = [next(self.top.table(width)).split() for width in (9, 24, 60, 90, 140)]
        for narrow, wide in pairwise(titles):
            self.assertLess(set(narrow), set(wide))
        self.assertEqual(titles[0], ["ADDRESS"])

    def test_orders(self):
        """All orders of the server are there, and keys go through them."""
        self.assertEqual(ORDERS, tuple(KNOWN))
        seen = []
        for key in ("RIGHT", ">", ".", "RIGHT", "RIGHT", "RIGHT", "RIGHT"):
            self.assertEqual(self.type([key]), [True])
            self.top.look()
            seen.append(ORDERS[self.top.order])
        self.assertEqual(seen, [*ORDERS[1:], ORDERS[0]])
        self.type(["LEFT", "<", ","])
        self.assertEqual(ORDERS[self.top.order], ORDERS[-3])
        self.assertIn(
            f"by {ORDERS[-3]} ", self.top.head()[2] if self.paths() == [] else ""
        )

    def test_search(self):
        """Agents are found by a text, which is edited; Esc shows all again."""
        for path in ("/a", "/b", "/c"):
            self.connect(path)
        self.assertEqual(self.type("/x"), [False, False])
        self.top.look()
        self.assertIn("/x_", self.top.head()[2])
        keys = ["BACKSPACE", "\x15", "z", "\x7f", "/", "b", "\x07", "\n"]
        self.assertEqual(self.type(keys), [False] * 7 + [True])
        self.assertEqual(self.paths(), ["/b"])
        self.assertIn("1 with '/b', Esc for all", self.top.head()[2])
        self.assertEqual(self.type(["/", "q", "\x1b"]), [False, False, False])
        self.assertEqual(self.paths(), ["/b"])
        self.assertEqual(self.type(["\x1b", " "]), [True, True])
        self.assertEqual(len(self.paths()), 3)

    def test_keys(self):
        """Some key leaves, others do nothing."""
        self.assertEqual(self.type(["x", "\n", "BACKSPACE", "\x1b", ""]), [False] * 5)
        for key in "qQ":
            with self.assertRaises(EOFError):
                self.type(key)

    def test_slow(self):
        """It is known which rows are of slow peers."""
        self.connect("/a")
        peer, _ = self.connect("/b")
        peer.pauseReading()
        for _ in range(3):
            peer.agent.sendBytesMessage(bytes(65_536))
        self.assertEqual(self.paths(), ["/b", "/a"])
        self.assertEqual(self.top.slow(), {1})
        self.assertIn("1 slow, 192K waiting", self.top.head()[0])

    def test_gone(self):
        """When the server has gone, that is said."""
        self.leave()
        with self.assertRaises(NoConsole):
            self.top.look()


class ShowTests(AskerCase):
    """L{showTop} where it cannot be shown."""

    def said(self):
        """Give the one line that is said, with status 1."""
        errors = io.StringIO()
        self.patch(sys, "stderr", errors)
        self.assertEqual(showTop("a.sock"), 1)
        (line,) = errors.getvalue().splitlines()
        return line

    def test_noTerminal(self):
        """In a pipe one line says what to do instead."""
        self.patch(sys, "stdout", io.StringIO())
        wanted = "in a terminal; elsewhere wsagent console, json top"
        self.assertEqual(self.said(), f"wsagent: top: allowed: {wanted}")

    def test_noCurses(self):
        """Where Python has no curses, one line says how to get it."""
        self.patch(sys, "modules", {**sys.modules, "curses": None})
        self.assertEqual(
            self.said(),
            "wsagent: top: this Python has no curses; on Windows: "
            "pip install windows-curses",
        )
