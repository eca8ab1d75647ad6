"""The proxy's configuration, run as it stands in front of a portal of real processes."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from bench.stage import Stage
from deploy.trial import Trial
from tests.servers import free_port

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Road:
    """A proxy that runs, and what it has been given to serve."""

    port: int
    static: Path

    def shake_hands(self, at_most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLSocket:
        trust = _trust()
        trust.set_alpn_protocols(["h2", "http/1.1"])
        trust.maximum_version = at_most
        line = socket.create_connection(("127.0.0.1", self.port), 10)
        return trust.wrap_socket(line, server_hostname="localhost")

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        line = HTTPSConnection("localhost", self.port, timeout=20, context=_trust())
        try:
            line.request(
                "GET", path, headers={name.replace("_", "-"): v for name, v in headers.items()}
            )
            answer = line.getresponse()
            return answer, answer.read()
        finally:
            line.close()


def _trust() -> ssl.SSLContext:
    """The certificate is thrown away after the test; who made it is not what is tested."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return trust


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder, inner, outer = tmp_path_factory.mktemp("road"), free_port(), free_port()
    with Stage(folder / "data", base_url=f"https://localhost:{outer}", port=inner) as stage:
        static = stage.write_static(folder / "static")
        with (
            stage.serving(),
            Trial(f"127.0.0.1:{inner}", outer, folder / "proxy", static),
        ):
            yield Road(outer, static)


def test_it_speaks_http_2_over_tls_1_3(road: Road) -> None:
    with road.shake_hands() as line:
        assert line.version() == "TLSv1.3"
        assert line.selected_alpn_protocol() == "h2"


def test_older_phones_get_tls_1_2(road: Road) -> None:
    with road.shake_hands(at_most=ssl.TLSVersion.TLSv1_2) as line:
        assert line.version() == "TLSv1.2"
        cipher = line.cipher()
        assert cipher is not None
        assert cipher[0].startswith("ECDHE-ECDSA")


def test_its_certificate_is_a_small_one(road: Road) -> None:
    with road.shake_hands() as line:
        der = line.getpeercert(binary_form=True)
    assert der is not None
    key = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)


def test_a_connection_is_kept_for_fifteen_minutes_on_both_sides(road: Road) -> None:
    """nginx says how long it keeps a line only in its settings; that it keeps it is seen here."""
    said = (Path(__file__).parents[2] / "deploy/nginx.conf").read_text()
    assert "keepalive_timeout 900s;" in said
    line = HTTPSConnection("localhost", road.port, timeout=20, context=_trust())
    for _ in range(3):
        line.request("GET", "/sign-in")
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200
        assert not answer.will_close
    line.close()


@pytest.mark.parametrize(("encoding", "suffix"), [("br", ".br"), ("gzip", ".gz")])
def test_static_files_go_out_as_they_were_compressed_ahead_of_time(
    road: Road, encoding: str, suffix: str
) -> None:
    files = sorted(path for path in road.static.rglob("*") if path.suffix in (".css", ".js"))
    assert files
    for file in files:
        path = f"/{file.relative_to(road.static).as_posix()}"
        answer, body = road.get(path, Accept_Encoding=encoding)
        assert answer.status == 200
        assert answer.headers["Content-Encoding"] == encoding, path
        assert body == Path(f"{file}{suffix}").read_bytes(), path
        assert "immutable" in answer.headers["Cache-Control"]


def test_where_a_visitor_claims_to_come_from_is_dropped(road: Road) -> None:
    answer, page = road.get("/", X_Forwarded_Host="elsewhere.example", Forwarded="host=other")
    assert answer.status == 200
    assert b"elsewhere.example" not in page
    assert "max-age=63072000" in answer.headers["Strict-Transport-Security"]


def test_when_the_portal_is_away_a_calm_page_says_so(tmp_path: Path) -> None:
    nobody, port = free_port(), free_port()
    with Trial(f"127.0.0.1:{nobody}", port, tmp_path / "proxy"):
        line = HTTPSConnection("localhost", port, timeout=20, context=_trust())
        line.request("POST", "/threads/x", b"text=words", {"Content-Length": "10"})
        answer = line.getresponse()
        page = answer.read().decode()
        line.close()
    assert answer.status == 503
    assert answer.headers["Cache-Control"] == "no-store"
    for words in ("Back in a moment", "tel:988", "Por favor"):
        assert words in page
