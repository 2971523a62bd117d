# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of vhdboot for bash: verbs, options, values, entries of a TARGET, files of the host and of a volume.

@BASH@

# The names of the entries of a TARGET's menu, a line each.
_vhdboot_entries()
{
    [[ -n $2 ]] && "$1" cat "$2:/vhdboot.cfg" 2>/dev/null | sed -n 's/^[[:blank:]]*\[\([^]]*\)\].*/\1/p'
}

# The verb that the words begin with, in `verb`; how many words it has, in `taken`.
_vhdboot_find_verb()
{
    verb= taken=0
    local count
    for count in 2 1; do
        if ((cword > count)) && [[ -n ${_vhdboot_options[${words[*]:1:count}]} ]]; then
            verb=${words[*]:1:count} taken=$count
            return
        fi
    done
}

# Words that follow what was typed of a verb.
_vhdboot_complete_verb()
{
    local typed= name
    ((cword > 1)) && typed="${words[*]:1:cword - 1} "
    typed=${typed#help }
    while read -r name; do
        if [[ $name == "$typed"* ]]; then
            name=${name#"$typed"}
            COMPREPLY+=("${name%% *}")
        fi
    done <<<"$_vhdboot_verbs"
    [[ -z $typed && ${words[1]} != help ]] && COMPREPLY+=(help)
    mapfile -t COMPREPLY < <(compgen -W "${COMPREPLY[*]}" -- "$cur")
}

# Files of the host; behind TARGET:/ those of its volume.
_vhdboot_files()
{
    if [[ $cur == *:/* ]]; then
        local target=${cur%%:/*} path=${cur#*:} name IFS=$'\n'
        path=${path%/*}/
        while read -r name; do
            [[ $target:$path$name == "$cur"* ]] && COMPREPLY+=("$target:$path$name")
        done < <("${words[0]}" ls "$target:$path" 2>/dev/null | sed -n 's/^.\{17\}//p')
        __ltrim_colon_completions "$cur"
    else
        _filedir
    fi
}

_vhdboot()
{
    local cur prev words cword verb taken
    COMPREPLY=()
    _get_comp_words_by_ref -n := cur prev words cword || return

    _vhdboot_find_verb
    if [[ -z $verb || ${words[1]} == help ]]; then
        _vhdboot_complete_verb
        return
    fi
    if [[ $cur == --*=* ]]; then        # --option=value
        prev=${cur%%=*} cur=${cur#*=}
    fi
    local kind=${_vhdboot_values[$verb $prev]}
    case $kind in
    none) ;;
    files) _vhdboot_files ;;
    entries)
        local IFS=$'\n'
        mapfile -t COMPREPLY < <(compgen -W "$(_vhdboot_entries "${words[0]}" "${words[taken + 1]}")" -- "$cur")
        ;;
    ?*) mapfile -t COMPREPLY < <(compgen -W "$kind" -- "$cur") ;;
    *)
        if [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "${_vhdboot_options[$verb]}" -- "$cur")
        else
            _vhdboot_files
        fi
        ;;
    esac
}

complete -F _vhdboot vhdboot
