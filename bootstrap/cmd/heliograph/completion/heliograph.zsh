#compdef heliograph
# zsh completion for heliograph: source <(heliograph completion zsh), after compinit
_heliograph() {
	local line
	local -a found
	for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		[[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
	done
	if (( $#found )); then
		_describe heliograph found
	else
		_files
	fi
}
if [[ $funcstack[1] == _heliograph ]]; then
	_heliograph "$@"
else
	compdef _heliograph heliograph
fi
