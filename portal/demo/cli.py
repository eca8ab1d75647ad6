"""`portal demo`: the fictional clinic on this machine."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import click

from portal.core.resources import resource

MARK = "demo.json"


def register(cli: click.Group) -> None:
    cli.add_command(demo)


@click.command()
@click.option("--port", default=8000, help="The port to listen on.")
@click.option(
    "--data",
    default="demo-data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for everything this demo knows.",
)
@click.option(
    "--accounts",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the table of accounts to this file, as JSON.",
)
@click.option("--reset", is_flag=True, help="Begin the story anew.")
def demo(port: int, data: Path, accounts: Path | None, reset: bool) -> None:
    """Run a fictional clinic and print who can sign in. No place for real people."""
    from portal.config import Config
    from portal.core.supervisor import AlreadyRunning, run

    data = data.absolute()
    if reset:
        _forget(data)
    environ = environment(data, port)
    try:
        table = _accounts(environ, data)
        if accounts:
            accounts.write_text(json.dumps(table, indent=1))
        run(
            Config.from_env(environ),
            environ,
            postbox=True,
            on_ready=lambda: _greet(port, table),
        )
    except (AlreadyRunning, OSError, subprocess.CalledProcessError) as error:
        raise click.ClickException(str(error)) from error


def _forget(data: Path) -> None:
    """Deletes a demo's folder, and only a demo's."""
    if data.exists() and any(data.iterdir()) and not (data / MARK).exists():
        raise click.ClickException(f"{data} does not look like a demo's folder; not deleted.")
    shutil.rmtree(data, ignore_errors=True)


def environment(data: Path, port: int) -> dict[str, str]:
    """The settings of a demo, whose folder and keys are made unless they are there."""
    from portal.config import write_keys

    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_keys(data)
    around = os.environ  # noqa: TID251 - handed on to the processes of the demo
    inherited = {name: value for name, value in around.items() if "PORTAL_" not in name}
    own = {
        "PORTAL_DATA": str(data),
        "PORTAL_DEMO": "1",
        "PORTAL_PORT": str(port),
        "PORTAL_BASE_URL": f"http://127.0.0.1:{port}",
    }
    caught = {
        "PORTAL_SMTP_URL": f"smtp://127.0.0.1:{_free_port()}",
        "PORTAL_SMS_URL": f"http://127.0.0.1:{_free_port()}/",
        "PORTAL_SMS_SECRET": secrets.token_hex(),
        "PORTAL_SMS_PER_SECOND": "20",
        "PORTAL_MAIL_FROM": "notes@demo.invalid",
    }
    return inherited | own | caught


def _accounts(environ: dict[str, str], data: Path) -> list[dict[str, str]]:
    """The table of accounts. The scene is set in a process of its own, to keep this one small.

    A story that stands already is only brought to this version's shape, and mostly not even that.
    """
    mark = data / MARK
    if not mark.exists() or json.loads(mark.read_text())["shape"] != shape():
        subprocess.run([sys.executable, "-m", "portal.demo.scene"], env=environ, check=True)
    table: list[dict[str, str]] = json.loads(mark.read_text())["accounts"]
    return table


def shape() -> str:
    """The newest migration, by the name of its file."""
    return max(path.stem for path in (resource("migrations") / "versions").glob("*.py"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _greet(port: int, table: list[dict[str, str]]) -> None:
    address = f"http://127.0.0.1:{port}"
    width = max(len(row["user_name"]) for row in table)
    click.echo(f"\nOpen {address}\n\n  {'role':13}  {'user name':{max(width, 9)}}  passphrase")
    for row in table:
        click.echo(f"  {row['role']:13}  {row['user_name']:{max(width, 9)}}  {row['passphrase']}")
    click.echo(f"\nOutgoing mail and texts: {address}/postbox\nStop with Ctrl-C.\n")
