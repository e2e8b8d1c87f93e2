# The supervisor of one server (Kafka or PostgreSQL) that several processes share.
# Run as: sh -c "$(this file)" incasso-stack STATE PREFIX SIGNAL GRACE [EXTRA]
#   STATE   folder of everything this run writes; holds `run`, the script that becomes the server
#   PREFIX  PREFIX.supervisor is locked while this script lives, PREFIX.clients by every client (shared),
#           PREFIX.lock by whoever starts, joins or ends the server
#   SIGNAL  asks the server to end; GRACE seconds after the last client has gone
#   EXTRA   a further folder to remove in the end
# The kernel drops a client's lock however the client ends, also by SIGKILL: nothing here depends on its manners.
state=$1 prefix=$2 signal=$3 grace=$4 extra=$5
exec 7>>"$prefix.clients" 8>>"$prefix.lock" 9>>"$prefix.supervisor" || exit 1
flock -n 9 || exit 1
echo $$ >"$state/supervisor.pid"
stop=
trap 'stop=asked' TERM INT HUP

# The server must not inherit the locks: they would outlive this script.
/bin/sh "$state/run" </dev/null >>"$prefix.log" 2>&1 7>&- 8>&- 9>&- &
server=$!
echo "$server" >"$state/server.pid"

idle=0
while [ -z "$stop" ]; do
    sleep 1 7>&- 8>&- 9>&-
    if ! kill -0 "$server" 2>/dev/null; then
        wait "$server"
        echo "$?" >"$state/exit"
        exit 1 # state and log stay: whoever waits for the server reads them, the next start cleans up
    fi
    [ -d "$state" ] || stop=removed # `cargo clean` under a running stack
    if flock -n 7; then
        flock -u 7
        idle=$((idle + 1))
    else
        idle=0
    fi
    if [ "$idle" -ge "$grace" ] && flock -n 8; then
        # Nobody can join now. Was somebody quicker?
        if flock -n 7; then stop=unused; else idle=0; flock -u 8; fi
    fi
done

kill -s "$signal" "$server" 2>/dev/null
patience=300 # tenths of a second
while kill -0 "$server" 2>/dev/null; do
    patience=$((patience - 1))
    [ "$patience" -eq 150 ] && kill -s QUIT "$server" 2>/dev/null
    [ "$patience" -eq 0 ] && kill -s KILL "$server" 2>/dev/null
    sleep 0.1 7>&- 8>&- 9>&-
done
rm -rf "$state"
[ -n "$extra" ] && rm -rf "$extra"
exit 0
