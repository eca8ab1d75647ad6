"""`portal …`: what an administrator types, and what the supervisor starts.

Each process imports what it needs and no more: the clock is small, and the demo is quick to start.
"""

import logging
from importlib import import_module
from importlib.util import find_spec

import click

from portal.core.commands import check_start, read_config

# Each offers register(cli: click.Group) -> None. The commands of a feature are only looked for
# when the name is none of ours.
FEATURES = (
    "portal.clinics.cli",
    "portal.modules.cli",
    "portal.vault.cli",
    "portal.notifications.cli",
    "portal.demo.cli",
)


class Portal(click.Group):
    """Our own commands, and those of the features, fetched when somebody asks for one."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            self._gather()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._gather()
        return super().list_commands(ctx)

    def _gather(self) -> None:
        for name in FEATURES:
            if find_spec(name) is not None:
                import_module(name).register(self)


@click.group(cls=Portal)
def cli() -> None:
    """Porchlight: counselling by letter, over weak connections."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


@cli.command("run")
def run_command() -> None:
    """Run the whole portal: web, worker, clock, and a queue if none is given."""
    import os
    import subprocess
    import sys

    from portal.core.supervisor import AlreadyRunning, run

    # In a process of its own, which takes along what it had to load, and the worker's key.
    if subprocess.run([sys.executable, "-m", "portal.cli", "check-start"], check=False).returncode:
        raise SystemExit(1)
    config = read_config()
    try:
        run(config, os.environ, on_ready=lambda: click.echo(f"Open {config.base_url}"))  # noqa: TID251
    except (AlreadyRunning, OSError) as error:
        raise click.ClickException(str(error)) from error


@cli.command("check-start", hidden=True)
def check_start_command() -> None:
    """Whether the portal can run with these settings; if not, everything that is wrong."""
    check_start()


@cli.command()
@click.option("--bind", help="HOST:PORT, or fd://N for a socket that is already open.")
def web(bind: str | None) -> None:
    """Run only the web server."""
    from portal import create_app
    from portal.core.serving import run_web

    run_web(read_config(), create_app, bind)


@cli.command()
def worker() -> None:
    """Run only the worker, which sends what is waiting."""
    from portal.core.jobs import run_worker
    from portal.core.processes import name_process

    name_process("worker")
    run_worker(read_config(for_worker=True))


@cli.command()
def clock() -> None:
    """Run only the clock, which sees to what is due."""
    from portal.core.jobs import run_clock

    run_clock(read_config())


@cli.command()
@click.option("--postbox", is_flag=True, help="Also run the demo's post office.")
def backstage(postbox: bool) -> None:
    """Run worker and clock together, which takes less memory than apart."""
    from portal.core.backstage import run_backstage

    run_backstage(read_config, postbox=postbox)


@cli.command()
def postbox() -> None:
    """Run only the demo's post office, which catches mail and texts."""
    from portal.core.postbox import run_postbox

    run_postbox(read_config())


def main() -> None:
    """The entry point of `portal` and of `python -m portal.cli`."""
    cli(prog_name="portal")


if __name__ == "__main__":
    main()
