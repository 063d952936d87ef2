"""The shells' side of completion: a script each, printed or installed."""

from __future__ import annotations

import os
from pathlib import Path

from iterun.cli.console import Span, err, out
from iterun.errors import ConfigError, nearest

# bash splits words at = and : already; the line up to the cursor is put together again, so that the
# program sees what was typed. Candidates that end in = or . or / get no blank behind them.
_BASH = r"""# iterun completion for bash
_iterun() {
    local word last="" IFS=$' \t\n' words=() line="${COMP_LINE:0:COMP_POINT}"
    read -r -a words <<< "$line"
    case "$line" in *[[:space:]]) words+=("") ;; esac
    IFS=$'\n'
    COMPREPLY=($(_ITERUN_COMPLETE=bash COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        "${words[0]}" "${words[@]:1}" 2>/dev/null))
    for word in "${COMPREPLY[@]}"; do
        case "$word" in *[=./]) compopt -o nospace 2>/dev/null ;; esac
    done
}
complete -o default -F _iterun iterun
"""
_ZSH = r"""#compdef iterun
# iterun completion for zsh
_iterun() {
    local line word about
    local -a plain open plain_about open_about
    while IFS=$'\t' read -r word about; do
        if [[ $word == *[=./] ]]; then
            open+=("$word"); open_about+=("$word  $about")
        else
            plain+=("$word"); plain_about+=("$word  $about")
        fi
    done < <(_ITERUN_COMPLETE=zsh "${words[1]}" "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
    (( ${#plain} + ${#open} )) || { _files; return }
    (( ${#plain} == 0 )) || compadd -V iterun -l -d plain_about -a plain
    (( ${#open} == 0 )) || compadd -V iterun -S '' -l -d open_about -a open
}
if [[ ${funcstack[1]} == _iterun ]]; then _iterun "$@"; else compdef _iterun iterun; fi
"""
_FISH = r"""# iterun completion for fish
function __iterun_complete
    set -lx _ITERUN_COMPLETE fish
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] $words[2..-1] 2>/dev/null
end
complete -c iterun -f -k -a '(__iterun_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def show(shell: str | None, *, install: bool) -> None:
    """Print or install the script of a shell.

    Args:
        shell: bash, zsh or fish; None: the one that $SHELL names.
        install: write it to where the shell looks for it.

    Raises:
        ConfigError: another shell.
    """
    name = shell or Path(os.environ.get("SHELL", "bash")).name
    if name not in SCRIPTS:
        close = nearest(name, SCRIPTS) or list(SCRIPTS)
        raise ConfigError(
            f"there is no completion for {name!r}", hint=f"iterun completion {' or '.join(close)}"
        )
    if not install:
        out().raw(SCRIPTS[name])
        return
    path = _place(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPTS[name], encoding="utf-8")
    out().line(str(path))
    err().line(Span("next:", "dim"), f"  {_then(name, path)}")


def _place(shell: str) -> Path:
    """A file that the shell reads by itself when iterun is completed first."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    if shell == "bash":
        return data / "bash-completion" / "completions" / "iterun"
    if shell == "zsh":
        return data / "zsh" / "site-functions" / "_iterun"
    return config / "fish" / "completions" / "iterun.fish"


def _then(shell: str, path: Path) -> str:
    if shell == "bash":
        return f"open a new shell; or, without bash-completion, in ~/.bashrc: source {path}"
    if shell == "zsh":
        return f"add to ~/.zshrc, before compinit: fpath=({path.parent} $fpath)"
    return "open a new shell"
