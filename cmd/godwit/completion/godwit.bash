# bash completion for godwit
_godwit() {
	local word="${COMP_WORDS[COMP_CWORD]}" line
	COMPREPLY=()
	if [[ ${COMP_WORDS[COMP_CWORD-1]} == --config ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <(compgen -W "$("${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD-1}" --generate-bash-completion 2>/dev/null)" -- "$word")
}
complete -F _godwit godwit
