# Completion of `alarmwire` in bash. It asks `alarmwire … --help`, so it knows what this version knows.

_alarmwire_values_of() {  # OPTION HELP: the choices that the help names for an option
  sed -n "s/^  \(-[a-z],\)\?$1 [A-Z]*:{\([^}]*\)}.*/\2/p" <<<"$2" | tr , ' '
}

_alarmwire() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local program=${COMP_WORDS[0]} help next word i path=()
  help=$("$program" --help 2>/dev/null) || return
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == --socket ]]; then i=$((i + 1)); continue; fi
    [[ $word == [a-z]* ]] || continue
    # A word that is no command is a value: what is above it stays.
    grep -q "^  $word  " <<<"${help#*Subcommands:}" || continue
    next=$("$program" "${path[@]}" "$word" --help 2>/dev/null) || continue
    help=$next path+=("$word")
  done
  if [[ $previous == --* ]]; then
    local values
    values=$(_alarmwire_values_of "$previous" "$help")
    if [[ -n $values ]]; then
      COMPREPLY=($(compgen -W "$values" -- "$current"))
      return
    elif [[ $previous == --socket ]] || grep -q "^  $previous [A-Z]" <<<"$help"; then
      COMPREPLY=($(compgen -f -- "$current"))
      return
    fi
  fi
  local words
  if [[ $current == -* ]]; then
    words="--json --socket $(sed -n 's/^  \(-[a-z],\)\?\(--[a-z-]*\).*/\2/p' <<<"$help")"
  elif [[ $help == *Subcommands:* ]]; then
    words=$(sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' <<<"${help#*Subcommands:}")
  else
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -o filenames -F _alarmwire alarmwire
