"""Entry of `reflexctl`, which is `kubectl reflex` as well."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import click

from reflexctl.errors import CONFIGURATION, INTERRUPTED

_COMMANDS: Final = {
    "fix": ("reflexctl.fix_command", "fix", "Repair Rust code that does not compile."),
    "health": ("reflexctl.engine_commands", "health", "Ask whether the model can be asked."),
    "models": ("reflexctl.engine_commands", "models", "List what the server serves."),
    "status": ("reflexctl.engine_commands", "status", "Show the configuration and who answers."),
    "bakeoff": ("reflexctl.bakeoff_command", "bakeoff", "Measure a model and judge it."),
    "route": ("reflexctl.route_command", "route", "Say why a model serves, and another not."),
    "check": ("reflexctl.check_command", "check", "Check that who serves has passing evidence."),
    "gate": ("reflexctl.gate_command", "gate", "Judge evidence that was measured."),
    "memory": ("reflexctl.memory_command", "memory", "Search and keep what was remembered."),
    "suite": ("reflexctl.suite_command", "suite", "Make and check suites for bakeoffs."),
    "e2e": ("reflexctl.e2e_command", "e2e", "Test routing and the model from end to end."),
}


class _Lazy(click.Group):
    """Imports a command when it is used: `--version` and completion must not wait for all."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names, in the order in which they are explained."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(__import__(module, fromlist=[name]), name)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


def _version() -> str:
    try:
        return version("reflexstack")
    except PackageNotFoundError:
        return "unknown (not installed)"


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="reflexctl")
def cli() -> None:
    """Repair Rust code with your own models, and see how they are."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = cli.main(args=arguments, prog_name="reflexctl", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        click.echo("error: stopped", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        context = getattr(error, "ctx", None)
        if context is not None:
            click.echo(f"hint: see {context.command_path} --help", err=True)
        return CONFIGURATION
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
