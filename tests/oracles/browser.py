"""A real browser, which looks at pages as people do."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1280,1180",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def start_browser(profile: Path) -> Any:
    """Return a driver of the installed Chromium, or skip; a failure where AMP_THEORY_BROWSER=required."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of selenium's own dependencies
        try:
            from selenium import webdriver
            from selenium.webdriver.chrome.options import Options
            from selenium.webdriver.chrome.service import Service
        except ImportError:
            webdriver = None
    if program is None or driver is None or webdriver is None:
        message = "the page is tried with chromium, chromedriver and selenium, which are not all installed"
        if os.environ.get("AMP_THEORY_BROWSER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    options = Options()
    options.binary_location = program
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(executable_path=driver))
