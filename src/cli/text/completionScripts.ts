/**
 * For each shell a function that offers the references of the store. It asks the store that `--root` of the same line names. A name is
 * never evaluated by the shell: it comes as a line, and is quoted when it is offered.
 */

/** The text as it is written, with `$\\{` for what is not a value of ours. */
const shell = ({ raw: [text = ""] }: TemplateStringsArray): string => text.replaceAll("$\\{", "${")

export const storedInBash = shell`_ociflow--stored()
{
  local _typed="$1" _names=() _root=() _name _i
  for ((_i = 1; _i < cword; _i++)); do
    case "$\{words[_i]}" in
      --root) _name="$\{words[_i+1]}" ;;
      --root=*) _name="$\{words[_i]#--root=}" ;;
      *) continue ;;
    esac
    _name=$\{_name//\\/}; _name=$\{_name//\"/}; _name=$\{_name//\'/}
    [[ "$_name" == '~/'* ]] && _name="$HOME/$\{_name:2}"
    _root=("--root=$_name")
  done
  _typed=$\{_typed//\\/}; _typed=$\{_typed//\"/}; _typed=$\{_typed//\'/}
  while IFS= read -r _name; do
    _names+=("$_name")
  done < <(command ociflow complete-references $\{_root[@]+"$\{_root[@]}"} "--typed=$_typed" 2>/dev/null)
  (( $\{#_names[@]} )) && _ociflow--choices "$1" "$2" "$\{_names[@]}"
}
`

export const storedInZsh = shell`_ociflow_stored() {
  local -a names root
  local at
  at=$\{words[(I)--root]}
  (( at )) && root=("--root=$\{(Q)words[at+1]}")
  at=$\{words[(I)--root=*]}
  (( at )) && root=("$\{(Q)words[at]}")
  root=("$\{root[@]/#--root=\~\//--root=$HOME/}")
  names=("$\{(@f)$(command ociflow complete-references $root "--typed=$\{(Q)PREFIX}" 2>/dev/null)}")
  names=($\{names:#})
  compadd -a names
}
`

export const storedInFish = shell`function __ociflow_stored
    set -l words (commandline -opc)
    set -l root
    for at in (seq 2 (count $words))
        switch "$words[$at]"
            case --root
                set root --root=$words[(math $at + 1)]
            case '--root=*'
                set root $words[$at]
        end
    end
    set root (string replace -r '^--root=~/' -- "--root=$HOME/" $root)
    set -l typed (commandline -ct | string unescape)
    command ociflow complete-references $root "--typed=$typed" 2>/dev/null
end
`
