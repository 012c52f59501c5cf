"""`conselho completion`: how does a shell learn to complete what is typed after `conselho`?

The script asks this program at each TAB, so it need not be made again when commands change.
"""

import click

from conselho.cli import options

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    short_help="Print what makes a shell complete our commands.",
    epilog=options.example(
        "conselho completion bash > ~/.local/share/bash-completion/completions/conselho",
        "conselho completion zsh > ~/.zfunc/_conselho",
        "conselho completion fish > ~/.config/fish/completions/conselho.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script for SHELL; put where the shell looks for it, it completes from the next shell on.

    bash needs version 4.4, and its package bash-completion; `source <(conselho completion bash)` does without it.
    For zsh the directory must be in `fpath` before `compinit` is called.
    """
    from click import shell_completion  # noqa: PLC0415 - nothing else needs it

    kinds = {
        "bash": shell_completion.BashComplete,
        "zsh": shell_completion.ZshComplete,
        "fish": shell_completion.FishComplete,
    }
    program = click.get_current_context().find_root().command
    script = kinds[shell](program, {}, "conselho", "_CONSELHO_COMPLETE")
    # Not `script.source()`: bash's starts a bash to ask for its version, here where it may not be the one meant.
    print(shell_completion.ShellComplete.source(script))
