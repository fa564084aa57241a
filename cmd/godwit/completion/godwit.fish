# fish completion for godwit
function __godwit_offers
	set -l words (commandline -opc)
	command $words --generate-bash-completion 2>/dev/null
end
complete -c godwit -f -a '(__godwit_offers)'
complete -c godwit -l config -r -F -d 'read the configuration from a file'
