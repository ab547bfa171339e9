"""How the pages are made: C{make docs}."""

import sys
from importlib import metadata
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

FOLDER = Path(__file__).parent


def sourcesOnly(folder: str) -> FileFinder:
    """Have the package's sources read: what is compiled has no signatures."""
    if not Path(folder).is_relative_to(FOLDER.parent / "wsagent"):
        raise ImportError
    return FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))


sys.path_hooks.insert(0, sourcesOnly)
sys.path.insert(0, str(FOLDER / "extensions"))

project = "wsagent"
release = metadata.version("wsagent")
copyright = "wsagent contributors, MIT licence"  # noqa: A001 - Sphinx's name
extensions = ["sphinx.ext.autodoc", "epytext", "tables"]

nitpicky = True
nitpick_ignore_regex = [
    ("py:class", ".*"),  # Annotations are the type checker's.
    ("py:exc", "LoginFailed|UnauthorizedLogin|InvalidAuthArgumentString"),  # Twisted's.
]

autodoc_class_signature = "separated"
autodoc_default_options = {
    "member-order": "bysource",
    "members": True,
    "exclude-members": "__new__",
}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110
add_module_names = False
default_role = "literal"
smartquotes_action = "D"
highlight_language = "text"

html_theme = "furo"
html_title = "wsagent"
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
