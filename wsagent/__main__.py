"""C{python -m wsagent} is the C{wsagent} command."""

import sys

from .cli import main

sys.exit(main())
