# fish completion for heliograph: heliograph completion fish | source
function __heliograph_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (command $words[1] __complete -- $words[2..-1] 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c heliograph -f -a '(__heliograph_complete)'
