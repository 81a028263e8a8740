"""A Chromium for the browser tests: one that is here, else Debian's package, else Playwright's own.

`python -m tests.browser.find` makes sure that there is one; `make test` calls it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)

# Playwright's own list, which another one replaces; and the popups of an address bar that nobody sees: each window drew
# two pages for them, a second of CPU and 100 MB.
_NOT_WANTED = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
)
# For a server without a display, as root, without calling home at every start.
ARGUMENTS = (
    f"--disable-features={','.join(_NOT_WANTED)}",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser() -> str | None:
    """The path of a Chromium or Chrome on this machine, or None when only Playwright's own can serve."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or next((str(path) for path in MAC if path.exists()), None)


def install() -> int:
    """Make sure that a browser is here. Exit code 1, and what to do, when none can be had."""
    if browser():
        return 0
    if shutil.which("apt-get"):
        print("Installing Debian's chromium for the browser tests", flush=True)
        rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run([*rights, "apt-get", *command], stdout=subprocess.DEVNULL, check=False)
        if browser():
            return 0
    print("Installing Playwright's own Chromium for the browser tests", flush=True)
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0:
        return 0
    print("No browser could be installed. Install Chromium or Chrome, then run make test again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(install())
