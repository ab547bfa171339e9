"""The reference: how docstrings become pages, and that nothing is missing there."""

import re
from dataclasses import fields
from runpy import run_path
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

import wsagent

from .core.notation import row
from .documents import ROOT

EPYTEXT = run_path(str(ROOT / "docs" / "extensions" / "epytext.py"))


class EpytextTests(SynchronousTestCase):
    """Docstrings, as Sphinx gets them."""

    def test_marks(self):
        """What is marked is marked the other way, and nothing else is."""
        translate = EPYTEXT["translate"]
        for epytext, wanted in (
            ('C{{"a": 1}}', '``{"a": 1}``'),
            ("C{Deferred}s", "``Deferred``\\ s"),
            ("I{one}, B{two}", "*one*, **two**"),
            ("L{Wire.close}", ":py:obj:`Wire.close <.Wire.close>`"),
            ("L{wsagent.Accept}", ":py:obj:`Accept <.wsagent.Accept>`"),
            ("L{one<b.One>}", ":py:obj:`one <.b.One>`"),
            ("C{as in\n  text}", "``as in text``"),
            ("*.a, `b`, c_ and d_e", "\\*.a, \\`b\\`, c\\_ and d_e"),
        ):
            with row(epytext):
                self.assertEqual(translate(epytext), wanted)

    def test_docstring(self):
        """Fields are set apart, and literal blocks are left as they are."""
        paragraphs = EPYTEXT["paragraphs"]
        docstring = """\
        Do C{it}::

            it(C{not})

        Then rest.

        @param a: some
            C{text}.
        @return: b.
        """
        wanted = """\
        Do ``it``::

            it(C{not})

        Then rest.

        :param a: some
            ``text``.

        :return: b.
        """
        lines = paragraphs(dedent(docstring).splitlines())
        got = re.sub("\n{3,}", "\n\n", "\n".join(lines))
        self.assertEqual(got.strip(), dedent(wanted).strip())

    def test_interface(self):
        """An interface in a signature is its name."""
        without = EPYTEXT["withoutInterface"]
        interface = "<InterfaceClass twisted.internet.interfaces.IReactorTime>"
        self.assertEqual(without(f"({interface}) -> None"), "(IReactorTime) -> None")
        self.assertIsNone(without(None))


class CompletenessTests(SynchronousTestCase):
    """What has to be somewhere in the pages is there."""

    def test_reference(self):
        """Each public name stands in the reference, once."""
        pages = (ROOT / "docs" / "reference").glob("*.rst")
        text = "".join(page.read_text() for page in pages)
        named = re.findall(r"^\.\. auto\w+:: wsagent\.(\w+)$", text, re.MULTILINE)
        public = {name for name in wsagent.__all__ if not name.startswith("__")}
        self.assertEqual(public - set(named), set())
        self.assertEqual(len(set(named)), len(named))

    def test_settings(self):
        """Each setting that can hurt stands on the page on security, once."""
        text = (ROOT / "docs" / "security.rst").read_text()
        tables = re.findall(r"^\.\. settings::((?:.+\n)+)", text, re.MULTILINE)
        named = [name for table in tables for name in table.split()]
        known = {each.name for each in fields(wsagent.Settings)}
        harmless = {"isStreaming", "hasFastLane"}
        self.assertEqual(sorted(named), sorted(known - harmless))
