"""A headless Chromium for tests of screens, driven over a pipe by its own protocol: nothing but the browser is needed.

https://chromedevtools.github.io/devtools-protocol; Debian's package is `chromium`.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

_ARGUMENTS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--mute-audio", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1400,1200", "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage",
)  # fmt: skip
_KEYS = {"Enter": (13, "\r"), " ": (32, " "), "Escape": (27, ""), "ArrowLeft": (37, ""), "ArrowRight": (39, "")}


def program():
    """Where the browser is; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One page."""

    def __init__(self, to, from_):
        self._to, self._from = to, from_
        self._buffer = b""
        self._number = 0
        self.said = []
        """Errors and warnings of the page's console."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Log"):
            self.ask(f"{part}.enable")

    def ask(self, method, **given):
        """One command, and its answer; what the browser tells meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return told["result"]
            self._note(told)

    def _next(self, seconds=60):
        while b"\0" not in self._buffer:
            if not select.select([self._from], [], [], seconds)[0]:
                raise AssertionError(f"the browser says nothing for {seconds} s")
            self._buffer += os.read(self._from, 1 << 20)
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, told):
        if told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.said.append(told["params"]["entry"]["text"])
        if told.get("method") == "Runtime.consoleAPICalled" and told["params"]["type"] == "error":
            self.said.append(
                json.dumps([one.get("value", one.get("description")) for one in told["params"]["args"]])[:400]
            )
        if told.get("method") == "Runtime.exceptionThrown":
            self.said.append(json.dumps(told["params"]["exceptionDetails"])[:400])

    def open(self, url):
        """Go to an address."""
        self.ask("Page.navigate", url=url)

    def run(self, script, *arguments):
        """What a function returns; a promise is awaited."""
        given = ", ".join(json.dumps(argument) for argument in arguments)
        said = self.ask(
            "Runtime.evaluate",
            expression=f"({script})({given})",
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in said:
            raise AssertionError(json.dumps(said["exceptionDetails"])[:600])
        return said["result"].get("value")

    def until(self, script, *arguments, seconds=60):
        """Wait until a function returns something true."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := self.run(script, *arguments):
                    return found
            except AssertionError:  # the page is on its way to another
                if time.monotonic() > end:
                    raise
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {script} {arguments}")
            time.sleep(0.2)

    def fill(self, css, text):
        """Write into a field, waited for."""
        self.until("css => { const one = document.querySelector(css); if (one) one.focus(); return !!one }", css)
        self.ask("Input.insertText", text=text)

    def click(self, css, text=""):
        """Click on the first visible element that fits and has this text, waited for."""
        place = self.until(
            """(css, text) => {
                const one = [...document.querySelectorAll(css)].find(
                    one => one.innerText.trim().startsWith(text) && one.getClientRects().length);
                if (!one) return null;
                one.scrollIntoView({block: 'center'});
                const box = one.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }""",
            css,
            text,
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def press(self, key, **more):
        """A key, wherever the focus is. more: such as modifiers=2 for Ctrl."""
        code, text = _KEYS.get(key, (ord(key.upper()[0]), key))
        place = f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else f"Digit{key}" if key.isdigit() else key
        named = {"key": key, "code": place}
        named |= {"windowsVirtualKeyCode": code, **more}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text="" if more else text, **named)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    def picture(self, path):
        """A screenshot as PNG."""
        Path(path).write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))


@contextmanager
def chromium():
    """A page of a browser of its own, gone at the end of the block."""
    read, to = os.pipe()
    from_, write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        # The browser reads commands from descriptor 3 and answers on 4.
        command = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", program(), *_ARGUMENTS]
        browser = subprocess.Popen(
            [*command, f"--user-data-dir={folder}"],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        try:
            yield Page(to, from_)
        finally:
            os.close(to)
            os.close(from_)
            browser.terminate()
            try:
                browser.wait(20)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait(20)
