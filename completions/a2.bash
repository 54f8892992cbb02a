# bash completion for a2. Made by `a2 completions`; do not edit.

_a2() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local verb="" words="" index
    COMPREPLY=()
    # Readline takes --flag=value for three words.
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" && $COMP_CWORD -gt 2 ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [[ $COMP_CWORD -eq 1 ]]; then
        words="serve console bench snapshot inspect completions version help --help --version"
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
        return
    fi
    [[ $COMP_CWORD -gt 2 ]] && verb=${COMP_WORDS[2]}
    case "${COMP_WORDS[1]} $verb" in
    "serve "*)
        case $previous in
        --node-id | --name | --region | --cluster | --bind | --port | --tcp-backlog | --tcp-keepalive | --timeout | --maxclients | --threads | --peer | --peer-port | --advertise | --peer-buffer-bytes | --stability-timeout | --repair-interval | --requirepass | --maxmemory | --maxmemory-samples | --lfu-log-factor | --lfu-decay-time | --window-bytes | --snapshot-after-bytes | --snapshot-keep | --log-segment-bytes | --databases | --hz | --proto-max-bulk-len | --client-query-buffer-limit | --client-output-buffer-limit | --slowlog-log-slower-than | --slowlog-max-len | --latency-monitor-threshold | --latency-tracking-info-percentiles) return ;;
        --config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --ephemeral) [[ $current == -* ]] || words="yes no" ;;
        --peer-secret-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --peer-plaintext) [[ $current == -* ]] || words="yes no" ;;
        --protected-mode) [[ $current == -* ]] || words="yes no" ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --enable-debug-command) words="no yes local" ;;
        --maxmemory-policy) words="volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu allkeys-random noeviction" ;;
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --fsync) words="always everysec no" ;;
        --repair-from-peers) [[ $current == -* ]] || words="yes no" ;;
        --latency-tracking) [[ $current == -* ]] || words="yes no" ;;
        --log-level) words="trace debug info notice warning error" ;;
        --log-format) words="auto pretty json plain" ;;
        --log-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--check-config --json --generate-config --generate-unit -h --help --config --node-id --name --region --cluster --ephemeral --bind --port --tcp-backlog --tcp-keepalive --timeout --maxclients --threads --peer --peer-port --advertise --peer-secret-file --peer-plaintext --peer-buffer-bytes --stability-timeout --repair-interval --protected-mode --requirepass --password-file --enable-debug-command --maxmemory --maxmemory-policy --maxmemory-samples --lfu-log-factor --lfu-decay-time --window-bytes --data-dir --fsync --snapshot-after-bytes --snapshot-keep --log-segment-bytes --repair-from-peers --databases --hz --proto-max-bulk-len --client-query-buffer-limit --client-output-buffer-limit --slowlog-log-slower-than --slowlog-max-len --latency-monitor-threshold --latency-tracking --latency-tracking-info-percentiles --log-level --log-format --log-file"
        ;;
    "console "*)
        index=2
        [[ ${COMP_WORDS[2]} == console ]] && index=3
        for ((; index < COMP_CWORD; index++)); do
            case ${COMP_WORDS[index]} in
            -h | --host | -p | --port | -s | --socket | -u | --uri | --user | -a | --password | --password-file | --node | -c | --command | -n | --database | -t | --timeout | -r | --repeat | -i | --interval | -X | --tag | -d | --delimiter | -D | --reply-delimiter | --pattern | --count | --color)
                [[ ${COMP_WORDS[index + 1]} == "=" ]] && ((index++))
                ((index++))
                ;;
            -*) ;;
            *) return ;;
            esac
        done
        case $previous in
        -h | --host | -p | --port | -u | --uri | --user | -a | --password | --node | -c | --command | -n | --database | -t | --timeout | -r | --repeat | -i | --interval | -X | --tag | -d | --delimiter | -D | --reply-delimiter | --pattern | --count) return ;;
        -s | --socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --color) words="auto always never" ;;
        esac
        [[ -n $words ]] || words="-h --host -p --port -s --socket -u --uri --user -a --password --askpass --password-file --node -c --command -n --database -4 --ipv4 -6 --ipv6 -t --timeout -2 --resp2 -3 --resp3 -r --repeat -i --interval -x --stdin -X --tag --quoted-input -e --fail --no-fail --read-only --yes --raw --no-raw -d --delimiter -D --reply-delimiter --csv --table --stat --latency --latency-history --memkeys --hotkeys --bigkeys --scan --pattern --count --pipe --json --color -q --quiet --help"
        ;;
    "bench run" | "bench "-*)
        index=2
        [[ ${COMP_WORDS[2]} == run ]] && index=3
        for ((; index < COMP_CWORD; index++)); do
            case ${COMP_WORDS[index]} in
            -h | --host | -p | --port | -s | --socket | -u | --uri | --user | -a | --password | --password-file | --dbnum | --targets | --spread | --connections-per-node | -c | --clients | -P | --pipeline | --threads | -k | --keepalive | --runs | -n | --requests | --duration | --warmup | --rate | --ramp | --arrival | -r | --keyspace | -d | --value-size | --key-prefix | --seed | -t | --tests | --mix | --dist | --precision | --percentiles | --hdr | --json | --fail-if | --max-error-rate | --interval)
                [[ ${COMP_WORDS[index + 1]} == "=" ]] && ((index++))
                ((index++))
                ;;
            -*) ;;
            *) return ;;
            esac
        done
        case $previous in
        -h | --host | -p | --port | -u | --uri | --user | -a | --password | --dbnum | --targets | --connections-per-node | -c | --clients | -P | --pipeline | --threads | -k | --keepalive | --runs | -n | --requests | --duration | --warmup | --rate | --ramp | -r | --keyspace | -d | --value-size | --key-prefix | --seed | -t | --tests | --mix | --dist | --precision | --percentiles | --fail-if | --max-error-rate | --interval) return ;;
        -s | --socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --spread) words="pinned round-robin" ;;
        --arrival) words="fixed poisson" ;;
        --hdr) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --json) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="-h --host -p --port -s --socket -u --uri --user -a --password --askpass --password-file --dbnum -3 --resp3 --targets --spread --connections-per-node -c --clients -P --pipeline --threads -k --keepalive -l --loop -I --idle --runs -n --requests --duration --warmup --rate --ramp --arrival -r --keyspace -d --value-size --key-prefix --seed -t --tests --mix --dist --verify -q --quiet --csv --precision --percentiles --hdr --json --fail-if --max-error-rate --interval --help"
        ;;
    "bench load")
        case $previous in
        -h | --host | -p | --port | -u | --uri | --user | -a | --password | --dbnum | --targets | --connections-per-node | -c | --clients | -P | --pipeline | --threads | -r | --keyspace | -d | --value-size | --key-prefix | --seed | --precision | --percentiles | --fail-if | --max-error-rate | --interval) return ;;
        -s | --socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --spread) words="pinned round-robin" ;;
        --hdr) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --json) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="-h --host -p --port -s --socket -u --uri --user -a --password --askpass --password-file --dbnum -3 --resp3 --targets --spread --connections-per-node -c --clients -P --pipeline --threads -r --keyspace -d --value-size --key-prefix --seed --verify -q --quiet --csv --precision --percentiles --hdr --json --fail-if --max-error-rate --interval --help"
        ;;
    "bench converge")
        case $previous in
        -h | --host | -p | --port | -u | --uri | --user | -a | --password | --dbnum | --targets | --connections-per-node | -c | --clients | -P | --pipeline | --threads | -n | --requests | --duration | --warmup | --rate | --ramp | -r | --keyspace | -d | --value-size | --key-prefix | --seed | --dist | --partition | --poll-step | --drain-timeout | --fail-if | --max-error-rate | --interval) return ;;
        -s | --socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --spread) words="pinned round-robin" ;;
        --arrival) words="fixed poisson" ;;
        --json) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="-h --host -p --port -s --socket -u --uri --user -a --password --askpass --password-file --dbnum -3 --resp3 --targets --spread --connections-per-node -c --clients -P --pipeline --threads -n --requests --duration --warmup --rate --ramp --arrival -r --keyspace -d --value-size --key-prefix --seed --dist --partition --poll-step --drain-timeout --keep --json --fail-if --max-error-rate --interval --help"
        ;;
    "bench compare")
        case $previous in
        --threshold | --fail-if) return ;;
        --json) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="--threshold --json --fail-if -h --help"
        ;;
    "bench replay")
        case $previous in
        -h | --host | -p | --port | -u | --uri | --user | -a | --password | --dbnum | --targets | --connections-per-node | -c | --clients | -P | --pipeline | --threads | --speed | --precision | --percentiles | --fail-if | --max-error-rate | --interval) return ;;
        -s | --socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --spread) words="pinned round-robin" ;;
        --hdr) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --json) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="-h --host -p --port -s --socket -u --uri --user -a --password --askpass --password-file --dbnum -3 --resp3 --targets --spread --connections-per-node -c --clients -P --pipeline --threads --speed -q --quiet --csv --precision --percentiles --hdr --json --fail-if --max-error-rate --interval --help"
        ;;
    "bench ")
        words="run load converge compare replay help -h --host -p --port -s --socket -u --uri --user -a --password --askpass --password-file --dbnum -3 --resp3 --targets --spread --connections-per-node -c --clients -P --pipeline --threads -k --keepalive -l --loop -I --idle --runs -n --requests --duration --warmup --rate --ramp --arrival -r --keyspace -d --value-size --key-prefix --seed -t --tests --mix --dist --verify -q --quiet --csv --precision --percentiles --hdr --json --fail-if --max-error-rate --interval --help"
        ;;
    "snapshot save")
        case $previous in
        --node | --user | -a | --password) return ;;
        -o | --output) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --format) words="bin json ndjson resp" ;;
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="-o --output --format --data-dir --node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "snapshot status")
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="--json -q --quiet -h --help"
        ;;
    "snapshot verify")
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="--quick --full --json -q --quiet -h --help"
        ;;
    "snapshot restore")
        case $previous in
        --node-id | --into | --key | --user | -a | --password) return ;;
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="--data-dir --node-id --force --keep-identity --dry-run --into --keep-existing --key --as-new-writes --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "snapshot diff")
        case $previous in
        --key | --limit | --user | -a | --password) return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--key --limit --values --meta --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "snapshot convert")
        case $previous in
        -o | --output) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --format) words="bin json ndjson resp" ;;
        esac
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="-o --output --format --edited --json -q --quiet -h --help"
        ;;
    "snapshot import-rdb")
        case $previous in
        --counter-keys | --node-id | --cluster | --into | --key | --user | -a | --password) return ;;
        -o | --output) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="-o --output --counter-keys --node-id --cluster --into --keep-existing --key --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "snapshot export-rdb")
        case $previous in
        --user | -a | --password) return ;;
        -o | --output) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --rdb-version) words="9 10 11" ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="-o --output --rdb-version --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "snapshot ")
        words="save status verify restore diff convert import-rdb export-rdb help --json -q --quiet -h --help"
        ;;
    "inspect log")
        case $previous in
        --from | --to | --key | --replica | --partition | --limit) return ;;
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --type) words="clear set increment deadline patch elements flush" ;;
        esac
        [[ -n $words ]] || words="--data-dir --from --to --key --replica --partition --type --limit --follow --stats --fix --json -q --quiet -h --help"
        ;;
    "inspect segments")
        case $previous in
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--data-dir --json -q --quiet -h --help"
        ;;
    "inspect snapshot")
        if [[ -z $words && $current != -* ]]; then compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
        [[ -n $words ]] || words="--keys --json -q --quiet -h --help"
        ;;
    "inspect key")
        case $previous in
        --db | --node | --user | -a | --password) return ;;
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--data-dir --db --node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "inspect digest")
        case $previous in
        --node | --user | -a | --password) return ;;
        --depth) words="root partition bucket key" ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--depth --node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "inspect versions")
        case $previous in
        --node | --user | -a | --password) return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "inspect peers")
        case $previous in
        --node | --user | -a | --password) return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "inspect node")
        case $previous in
        --node | --user | -a | --password) return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "inspect doctor")
        case $previous in
        --node | --user | -a | --password) return ;;
        --data-dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --password-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--data-dir --node --user -a --password --askpass --password-file --json -q --quiet -h --help"
        ;;
    "inspect ")
        words="log segments snapshot key digest versions peers node doctor help --json -q --quiet -h --help"
        ;;
    "completions "*)
        [[ -n $words ]] || words="bash zsh fish -h --help"
        ;;
    "version "*)
        [[ -n $words ]] || words="-h --help"
        ;;
    "help bench")
        words="run load converge compare replay"
        ;;
    "help snapshot")
        words="save status verify restore diff convert import-rdb export-rdb"
        ;;
    "help inspect")
        words="log segments snapshot key digest versions peers node doctor"
        ;;
    "help "*)
        [[ -n $words ]] || words="serve console bench snapshot inspect completions version help -h --help"
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _a2 a2
