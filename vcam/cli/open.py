"""`vcam open`: the control page, in the user's browser."""

from __future__ import annotations

import argparse

from vcam.cli.browser import has_display, open_in_browser
from vcam.client import Client


def main(_: argparse.Namespace) -> int:
    """Open the page, or say how to."""
    url = Client().open_page_url()
    if has_display() and open_in_browser(url):
        print("The page opens in your browser. If it does not, open this within a minute:")
    else:
        print("There is no display here. Open this in a browser of yours within a minute:")
    print(url)
    return 0
