# Sourced by the scripts that call dotnet: a quiet tool chain that leaves no build nodes behind.
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

# quietly LOG COMMAND...: output goes to LOG, and from there to stderr if the command fails. (A file, not a pipe: a compiler
# server that outlives the command would keep a pipe open and make the caller wait for it.)
quietly() {
  local log=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    grep -E '(error|warning) [A-Z]+[0-9]+' "$log" | sort -u | head -n 40 >&2 || true
    tail -n 5 "$log" >&2
    echo "failed: $* (log: $log)" >&2
    return 1
  fi
}
