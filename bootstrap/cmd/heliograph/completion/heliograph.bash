# bash completion for heliograph: source <(heliograph completion bash)
_heliograph() {
	local word help
	COMPREPLY=()
	while IFS=$'\t' read -r word help; do
		COMPREPLY+=("$word")
	done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _heliograph heliograph
