"""``migrate completion``: the script that a shell evaluates, and what it asks this program.

bash and fish have scripts of ours. bash takes a word apart at each colon (COMP_WORDBREAKS), so that
an ARN would never be completed, and click's script loses either files or names where an argument
may be both. zsh uses click's script with a line more. In each, a value of ``--option=value`` takes
the place of what follows the sign, and not of the whole word.
"""

import os

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from migrator.cli.completed import COMPLETION_VARIABLE
from migrator.cli.lazy import MigrateCommand
from migrator.cli.program_name import file_name

SHELLS = ("bash", "zsh", "fish")

# Every value is one line of plain characters; bash does not evaluate it.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line value word cur=$2 sign breaks='' files='' default=''
    word=${COMP_LINE:0:COMP_POINT}
    word=${word##*[[:space:]]}
    # `--option=value`: values come without the option.
    if [[ $word == --*=* ]]; then word=${word#*=}; fi
    # bash replaces what follows the last of these signs, so that the rest of the word is left out.
    for sign in ':' '=' '@'; do
        if [[ $COMP_WORDBREAKS == *$sign* ]]; then breaks+=$sign; fi
    done
    if [[ -n $breaks && $word == *[$breaks]* ]]; then
        word=${word%%"${word##*[$breaks]}"}
    else
        word=''
    fi
    if [[ $cur == [$breaks] ]]; then cur=''; fi
    COMPREPLY=()
    while read -r line; do
        value=${line#*,}
        case $line in
            plain,*)
                value=${value#"$word"}
                # A row (mapRoles[3]) would be a pattern of file names.
                value=${value//\\[/\\\\[}
                COMPREPLY+=("${value//\\]/\\\\]}")
                ;;
            file,*) files=-f default=default ;;
            dir,*) files=-d default=dirnames ;;
        esac
    done < <(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT %(complete_var)s=bash_complete "$1" \\
        2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace
    elif [[ -n $files && ${#COMPREPLY[@]} == 0 ]]; then
        compopt -o $default
    elif [[ -n $files ]]; then
        compopt -o filenames
        while read -r value; do COMPREPLY+=("$value"); done < <(compgen $files -- "$cur")
    fi
} 2>/dev/null
# bash before 4.4 cannot keep the order; before 4.0 it completes files everywhere.
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null ||
    complete -o default -F %(complete_func)s %(prog_name)s
"""


# zsh manual, "Completion Builtin Commands": compset takes what is before the sign out of the word;
# compadd -U leaves it out of the line, unless it is given again.
_ZSH_LOOP = "    for type key descr in"
_ZSH = ZshComplete.source_template.replace(
    _ZSH_LOOP, f"    [[ $PREFIX == --*=* ]] && compset -P 1 '*='\n\n{_ZSH_LOOP}", 1
).replace("compadd -U", 'compadd -U -i "$IPREFIX"')
# fish takes whole words: values and files get the option in front again.
_FISH = """\
function %(complete_func)s;
    set -l token (commandline -ct);
    set -l option "";
    if string match -q -- "--*=*" $token;
        set option (string replace -r -- "=.*" "=" $token);
    end;
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
        COMP_CWORD=$token %(prog_name)s);
    for completion in $response;
        set -l found (string split -m 1 -- "," $completion);
        if test $found[1] = "dir";
            string replace -r -- "^" $option (__fish_complete_directories $found[2]);
        else if test $found[1] = "file";
            string replace -r -- "^" $option (__fish_complete_path $found[2]);
        else if test $found[1] = "plain";
            echo $option$found[2];
        end;
    end;
end;

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)";
"""


class _Zsh(ZshComplete):
    """zsh: click's way, and values behind an equals sign."""

    source_template = _ZSH


class _Fish(FishComplete):
    """fish: the same."""

    source_template = _FISH


class _Bash(BashComplete):
    """bash: the line as it was typed, instead of the words that bash makes of it."""

    source_template = _BASH

    @staticmethod
    def _check_version() -> None:
        """The script needs nothing that a bash of this decade has not."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one that is being typed."""
        line = os.fsencode(os.environ.get("COMP_LINE", ""))
        typed = os.fsdecode(line[: int(os.environ.get("COMP_POINT", "0"))])
        # A sign at the cursor makes a word of its own behind a blank.
        *words, last = split_arg_string(f"{typed}|")
        return words[1:], last[:-1]

    def format_completion(self, item: CompletionItem) -> str:
        """``TYPE,VALUE`` on one line."""
        return f"{item.type},{item.value}"


def use_own_completion() -> None:
    """Have click answer the shells in our way."""
    for each in (_Bash, _Zsh, _Fish):
        add_completion_class(each)


@click.command(
    "completion",
    cls=MigrateCommand,
    formats=(),
    short_help="Print the completion script for a shell.",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    """Print the script with which SHELL completes commands, options, files, and the clusters,
    contexts, profiles, Regions and principals that files on this machine name. No network is used.

    Put the line of the example into ~/.bashrc, ~/.zshrc (behind compinit) or
    ~/.config/fish/config.fish.
    """
    use_own_completion()
    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click has all three
        raise click.UsageError(f"There is no completion for {shell}.", ctx)
    root = ctx.find_root()
    script = found(root.command, {}, file_name(ctx), COMPLETION_VARIABLE).source()
    click.echo(script, nl=False)
