"""
Tables that are made of the sources, so that they cannot go stale.

C{.. settings::} lists fields of L{wsagent.Settings}, those that are named or
all; C{.. options::} what C{twistd wsagent} can be told; C{.. commands::} what
the console can, of the kind that is named.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields

from docutils import nodes
from epytext import paragraphs, translate
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from twisted.python import usage

from wsagent.console.agentcommands import AGENT_COMMANDS
from wsagent.console.commands import OWN_COMMANDS
from wsagent.console.processcommands import PROCESS_COMMANDS
from wsagent.console.servercommands import SERVER_COMMANDS
from wsagent.settings import Settings
from wsagent.tap import Options

_UNITS = ("octets", "fragments", "messages", "connections", "bits", "code")
"""What numbers are of, but for seconds: near the beginning of a field's docstring."""
_RENAMED = {
    "compression": "compress",
    "drainTimeout": "drain",
    "isRateStrict": "strict-rates",
    "trustedProxies": "trust-proxy",
}
_COMMANDS = {
    "agent": AGENT_COMMANDS,
    "console": OWN_COMMANDS,
    "process": PROCESS_COMMANDS,
    "server": SERVER_COMMANDS,
}
_TYPED = re.compile(r"(?<!\S)([^\s,;]*(?:--|[:*/](?=[^\s,;.]))[^\s,;]*[^\s,;.])")
_CAPITAL = re.compile("[A-Z]")


def meanings() -> dict[str, str]:
    """Say of each field what its docstring says."""
    comments = ModuleAnalyzer.for_module(Settings.__module__).find_attr_docs()
    return {
        name: "\n".join(paragraphs(list(lines))).strip()
        for (owner, name), lines in comments.items()
        if owner == "Settings"
    }


def unit(field: Field, meaning: str) -> str:
    """
    Say what a field's number is of.

    @raise ValueError: nobody has said.
    """
    if "seconds" in field.metadata["rule"][0]:
        return "seconds"
    words = meaning.lower().split()[:3]
    for known in _UNITS:
        if known in words:
            return known
    raise ValueError(f"{field.name}: {meaning!r}, needed: one of {', '.join(_UNITS)}")


def shown(field: Field, meaning: str) -> str:
    """Write a default with its unit, as people write it."""
    value = field.default
    if value is MISSING:
        return "the system's"
    if isinstance(value, tuple):
        return ", ".join(f"``{each}``" for each in value) or "none"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"``{value}``"
    counted = unit(field, meaning)
    if counted == "code":
        return str(value)
    if counted == "octets" and value % 1024 == 0:
        size = value // 1024
        return f"{size} KiB" if size % 1024 else f"{size // 1024} MiB"
    return f"{value:,} {counted if value != 1 else counted[:-1]}"


def optionOf(name: str, known: set[str]) -> str | None:
    """Find the option of a field: what may be repeated is singular."""
    own = _RENAMED.get(name) or _CAPITAL.sub(lambda at: f"-{at[0].lower()}", name)
    singular = own.removesuffix("s") if own[-3:] != "ies" else f"{own[:-3]}y"
    for option in (own, singular, own.replace("has-", "no-"), f"no-{own}"):
        if option in known:
            return option
    return None


def rowsOfSettings(names: Iterable[str]) -> Iterator[list[str]]:
    """Make a row for each field: name and option, default, meaning."""
    known = {field.name: field for field in fields(Settings)}
    told = meanings()
    options = {option.removesuffix("=") for option in Options().longOpt}
    for name in names or known:
        option = optionOf(name, options)
        link = f"\n\n:option:`--{option} <twistd wsagent --{option}>`" if option else ""
        yield [f"``{name}``{link}", shown(known[name], told[name]), told[name]]


class SettingsTable(SphinxDirective):
    """Lists fields, and makes them known to links, where it lists all."""

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        named = self.arguments[0].split() if self.arguments else []
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 30 20 50",
            "   :class: settings",
            "",
        ]
        titles = ["field, option", "default", "what it is"]
        try:
            rows = [titles, *rowsOfSettings(named)]
        except (KeyError, ValueError) as error:
            raise self.error(f"settings: {error}") from error
        for row in rows:
            for start, cell in zip("*  ", row, strict=True):
                lines.append(
                    f"   {start} - " + cell.replace("\n", "\n       ").rstrip()
                )
        return self.parse_text_to_nodes("\n".join(lines) + "\n")


class OptionsList(SphinxDirective):
    """Lists the options."""

    def run(self) -> list[nodes.Node]:
        """Make an entry for each, in the order of C{--help}."""
        lines = [".. program:: twistd wsagent", ""]
        for head, meaning in optionsOf(Options()):
            lines += [f".. option:: {head}", "", f"   {_marked(meaning)}", ""]
        return self.parse_text_to_nodes("\n".join(lines) + "\n")


def optionsOf(options: usage.Options) -> Iterator[tuple[str, str]]:
    """Give the head of each option, as C{--port <port>}, and its meaning."""
    for name in sorted(options.longOpt):
        long = name.removesuffix("=")
        value = f" <{long.split('-')[-1]}>" if name.endswith("=") else ""
        yield f"--{long}{value}", options.docs[long].strip()


class CommandsTable(SphinxDirective):
    """Lists commands of the console, in the order of their table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        kind = self.arguments[0]
        if kind not in _COMMANDS:
            raise self.error(f"commands: {kind}, needed: one of {', '.join(_COMMANDS)}")
        lines = [".. list-table::", "   :widths: 40 60", ""]
        for command in _COMMANDS[kind]:
            lines += [
                f"   * - ``{command.written}``",
                f"     - {translate(command.help)}",
            ]
        return self.parse_text_to_nodes("\n".join(lines) + "\n")


def _marked(text: str) -> str:
    """Mark what is to be typed as it stands, as C{--route} or C{https://*.example}."""
    pieces = _TYPED.split(text)
    marks = (translate, "``{}``".format)
    return "".join(marks[place % 2](piece) for place, piece in enumerate(pieces))


def setup(app: Sphinx) -> dict[str, bool]:
    """Be an extension."""
    app.add_directive("settings", SettingsTable)
    app.add_directive("options", OptionsList)
    app.add_directive("commands", CommandsTable)
    return {"parallel_read_safe": True}
