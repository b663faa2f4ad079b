"""A JupyterLab of its own on this machine, and a page in it that reaches nothing else."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

TOKEN = "only-in-tests"


@dataclass(frozen=True)
class Lab:
    """A running server: its address, the folder that it shows, and where its signatures of trust are."""

    url: str
    folder: Path
    data: Path

    def open(self, page: Page, name: str) -> None:
        page.goto(f"{self.url}/lab/tree/{name}?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")


@contextmanager
def running_lab(home: Path, environment: dict[str, str]) -> Iterator[Lab]:
    """Start JupyterLab with settings of its own; stop it and its kernels at the end."""
    folder, data = home / "notebooks", home / "data"
    folder.mkdir()
    no_news = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    no_news.parent.mkdir(parents=True)
    no_news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    own = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": data,
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    port = _free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": TOKEN,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    }
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env={**environment, **{name: str(path) for name, path in own.items()}},
            stdout=log,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, server, home / "log.txt")
            yield Lab(url, folder, data)
        finally:
            server.terminate()
            server.wait(60)


@contextmanager
def local_page(browser: Browser) -> Iterator[Page]:
    """A page without any address beyond this machine; ``page.bad`` records what must not happen."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(120_000)  # a busy machine is slow, not wrong
    page = context.new_page()
    page.bad = []

    def only_local(route):
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            return route.continue_()
        page.bad.append(route.request.url)
        return route.abort()

    context.route("**/*", only_local)
    page.on("pageerror", lambda error: page.bad.append(f"page error {error}"))
    page.on("dialog", lambda dialog: (page.bad.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield page
    context.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-3000:]}")
