"""`python -m vcam`, which is `vcam`."""

import sys

from vcam.cli import main

sys.exit(main())
