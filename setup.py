"""
The packages.  All else is in pyproject.toml.

C{twisted.plugins} is named by hand: neither C{twisted/} nor C{twisted/plugins/}
may have an C{__init__.py}, which would shadow Twisted.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["wsagent", "wsagent.*"]), "twisted.plugins"],
    # Said even so: then an editable install is a line in a .pth file, the only
    # kind in which Twisted finds plugins.
    package_dir={"": "."},
    package_data={"wsagent": ["py.typed"]},
)
