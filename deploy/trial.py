"""Runs nginx.conf as it stands, with a throw-away ECDSA certificate, in front of a portal.

    python deploy/trial.py --upstream 127.0.0.1:8000 --port 8443 --static DIR

For the bench, for tests, and for looking at a change to nginx.conf before it goes anywhere.
Only what belongs to one machine is replaced: names, ports and folders, nothing that is measured.
"""

import argparse
import base64
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).parent
HOST = "localhost"
BROTLI_MODULE = "ngx_http_brotli_static_module.so"
MODULE_FOLDERS = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"))


def find_nginx() -> str | None:
    """The nginx of this machine, or None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Trial:
    """A running proxy: `url` is where it answers, `pin` is its certificate's key as a browser
    wants to be told of it (--ignore-certificate-errors-spki-list)."""

    def __init__(
        self,
        upstream: str,
        port: int,
        folder: Path,
        static: Path | None = None,
        public_port: int | None = None,
    ) -> None:
        """`public_port` is what a browser connects to, where something stands in between."""
        self.upstream, self.port, self.folder = upstream, port, folder
        self.static = static or folder / "no-static"
        self.public_port = public_port or port
        self.url = f"https://{HOST}:{self.public_port}"
        self.pin = ""

    def __enter__(self) -> Self:
        (self.folder / "temp").mkdir(parents=True, exist_ok=True)
        self.pin = write_certificate(self.folder)
        config = self.folder / "nginx.conf"
        config.write_text(self.config(), encoding="utf-8")
        self._process = subprocess.Popen(self._command(config))
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)

    def wait(self) -> None:
        """Returns when nginx has ended."""
        self._process.wait()

    def config(self) -> str:
        """nginx.conf with this machine's names, ports and folders."""
        text = (HERE / "nginx.conf").read_text(encoding="utf-8")
        for old, new in self._replacements().items():
            if old not in text:
                raise LookupError(f"nginx.conf no longer says: {old}")
            text = text.replace(old, new)
        return "\n".join(line for line in text.splitlines() if "listen [::]" not in line)

    def _replacements(self) -> dict[str, str]:
        temp = self.folder / "temp"
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"    {name}_temp_path {temp}/{name};\n" for name in names)
        return {
            "user www-data;\n": "user root;\n" if os.geteuid() == 0 else "",
            "worker_rlimit_nofile 65536;\n": "",
            "worker_connections 16384;": "worker_connections 512;",
            "/run/nginx.pid": str(self.folder / "nginx.pid"),
            "/var/log/nginx/error.log crit": f"{self.folder}/error.log warn",
            "/var/log/nginx/": f"{self.folder}/",
            "http {\n": f"http {{\n{folders}",
            "server 127.0.0.1:8000;": f"server {self.upstream};",
            "    listen 80 default_server;\n": f"    listen unix:{self.folder}/plain.sock;\n",
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "portal.example.org": HOST,
            "Host $host;": f"Host $host:{self.public_port};",
            "/etc/porchlight/tls/": f"{self.folder}/",
            "/var/lib/porchlight-static": str(self.static),
            "include /etc/nginx/porchlight/static*.conf;": _brotli(),
        }

    def _command(self, config: Path) -> list[str]:
        nginx = find_nginx()
        if nginx is None:
            raise LookupError("nginx is not installed")
        log = str(self.folder / "error.log")
        return [nginx, "-c", str(config), "-e", log, "-g", "daemon off;"]

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"nginx did not start; see {self.folder}/error.log")


def write_certificate(folder: Path) -> str:
    """A certificate for localhost good for two days; returns the pin of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.fromtimestamp(time.time(), UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def _brotli() -> str:
    has_module = any((folder / BROTLI_MODULE).exists() for folder in MODULE_FOLDERS)
    return f"include {HERE}/static-brotli.conf;" if has_module else ""


def main() -> None:
    """Runs until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--upstream", default="127.0.0.1:8000")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--static", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="porchlight-proxy-") as folder,
        Trial(options.upstream, options.port, Path(folder), options.static) as proxy,
    ):
        sys.stdout.write(f"{proxy.url} in front of {options.upstream}; Ctrl-C ends it.\n")
        sys.stdout.flush()
        proxy.wait()


if __name__ == "__main__":
    main()
