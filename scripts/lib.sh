# For the scripts in this folder; sourced, not run.

# What CMake is told when a compiler cache is there.
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# print_header FILE: the comment at the top of a script, as its help.
print_header() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$1"
}

# quietly COMMAND...: its output only if it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    cat "$log" >&2
    echo "failed with status $status: $*" >&2
  fi
  rm -f "$log"
  return "$status"
}
