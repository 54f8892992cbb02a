# bash completion for a2. Made by `a2 completions`; do not edit.

_a2() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local words=""
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        words="serve bench completions version help --help --version"
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
        return
    fi
    case ${COMP_WORDS[1]} in
    serve)
        case $previous in
        --config) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --node-id) return ;;
        --name) return ;;
        --region) return ;;
        --cluster) return ;;
        --ephemeral) words="yes no" ;;
        --bind) return ;;
        --port) return ;;
        --tcp-backlog) return ;;
        --tcp-keepalive) return ;;
        --timeout) return ;;
        --maxclients) return ;;
        --threads) return ;;
        --peer) return ;;
        --peer-port) return ;;
        --advertise) return ;;
        --peer-secret-file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --peer-plaintext) words="yes no" ;;
        --peer-buffer-bytes) return ;;
        --stability-timeout) return ;;
        --repair-interval) return ;;
        --protected-mode) words="yes no" ;;
        --requirepass) return ;;
        --password-file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --enable-debug-command) words="no yes local" ;;
        --maxmemory) return ;;
        --maxmemory-policy) words="volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu allkeys-random noeviction" ;;
        --maxmemory-samples) return ;;
        --lfu-log-factor) return ;;
        --lfu-decay-time) return ;;
        --window-bytes) return ;;
        --databases) return ;;
        --hz) return ;;
        --proto-max-bulk-len) return ;;
        --client-query-buffer-limit) return ;;
        --client-output-buffer-limit) return ;;
        --slowlog-log-slower-than) return ;;
        --slowlog-max-len) return ;;
        --latency-monitor-threshold) return ;;
        --latency-tracking) words="yes no" ;;
        --latency-tracking-info-percentiles) return ;;
        --log-level) words="trace debug info notice warning error" ;;
        --log-format) words="auto pretty json plain" ;;
        --log-file) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        esac
        [[ -n $words ]] || words="--check-config --json --generate-config --help --config --node-id --name --region --cluster --ephemeral --bind --port --tcp-backlog --tcp-keepalive --timeout --maxclients --threads --peer --peer-port --advertise --peer-secret-file --peer-plaintext --peer-buffer-bytes --stability-timeout --repair-interval --protected-mode --requirepass --password-file --enable-debug-command --maxmemory --maxmemory-policy --maxmemory-samples --lfu-log-factor --lfu-decay-time --window-bytes --databases --hz --proto-max-bulk-len --client-query-buffer-limit --client-output-buffer-limit --slowlog-log-slower-than --slowlog-max-len --latency-monitor-threshold --latency-tracking --latency-tracking-info-percentiles --log-level --log-format --log-file"
        ;;
    bench)
        [[ -n $words ]] || words="--help"
        ;;
    completions)
        [[ -n $words ]] || words="bash zsh fish --help"
        ;;
    version)
        [[ -n $words ]] || words="--help"
        ;;
    help)
        [[ -n $words ]] || words="serve bench completions version help --help"
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _a2 a2
