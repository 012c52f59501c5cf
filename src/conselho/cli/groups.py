"""How does a group of commands list them, and what is said of one it does not have?"""

import click


class Group(click.Group):
    """Lists each command with its whole line, and says which ones there are to whoever asks for another."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, none of their lines cut."""
        with formatter.section("Commands"):
            formatter.write_dl(self.lines(ctx))

    def lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Each command that is shown, with the sentence that stands beside it."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        shown = [(name, command) for name, command in found if command is not None and not command.hidden]
        return [(name, command.short_help or _sentence(command.help or "")) for name, command in shown]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant. Raises: click.UsageError naming those there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0].startswith("-"):
                raise
            known = ", ".join(name for name, _ in self.lines(ctx))
            raise click.UsageError(f"there is no command {args[0]!r}: try {known}", ctx) from error


def _sentence(text: str) -> str:
    """The first sentence, on one line."""
    words = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return words.split(". ")[0].rstrip(".") + "." if words else ""
