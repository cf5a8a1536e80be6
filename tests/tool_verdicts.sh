# SPDX-License-Identifier: MIT
# What the tests of the tool share: a run of it, and verdicts on that as TAP. Sourced, with $tool set.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
err=$work/err
number=0

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
}

# Runs the tool. Leaves its exit status in $status, what it wrote in $out and $err.
run() {
    : >"$work/json"
    "$tool" "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

# Killed by a signal, or stopped by a sanitizer.
crashed() {
    [ "$status" -ge 128 ] || grep -qE 'Sanitizer|runtime error:' "$err"
}

# The verdict on the last run; what is left behind the description is a command that must succeed.
verdict() { # description, wanted status, command...
    description=$1
    wanted=$2
    shift 2
    if crashed; then
        result "not ok" "$description: it crashed, status $status"
    elif [ "$status" != "$wanted" ]; then
        result "not ok" "$description: status $status, not $wanted"
    elif ! "$@"; then
        result "not ok" "$description: $*"
    else
        result "ok" "$description"
        return
    fi
    head -n 5 "$err" "$out" | sed 's/^/# /'
}

# A run that has nothing to complain about and prints a line like this.
accepted() { # description, pattern, arguments...
    description=$1
    pattern=$2
    shift 2
    run "$@"
    verdict "$description" 0 grep -qE -e "$pattern" "$out"
    verdict "$description, and nothing on stderr" 0 test ! -s "$err"
}

# A run that fails with a line like this on stderr, which begins with the program's name.
refused() { # description, wanted status, pattern, arguments...
    description=$1
    wanted=$2
    pattern="^lfbuddy( [a-z]+)?: .*$3"
    shift 3
    run "$@"
    verdict "$description" "$wanted" grep -qE -e "$pattern" "$err"
}

# A number of the report in the last run's JSON.
number_of() { # key
    sed -n "s/^ *\"$1\": \([0-9.]*\),*\$/\1/p" "$work/json"
}

counts() { # key=value...
    for pair in "$@"; do
        found=$(number_of "${pair%%=*}")
        if [ "$found" != "${pair#*=}" ]; then
            echo "# ${pair%%=*} is '$found', not ${pair#*=}"
            return 1
        fi
    done
}

png_signature() {
    [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]
}

svg_sound() {
    head -n 1 "$1" | grep -qE '^<(svg|\?xml) ' && grep -q '<rect ' "$1" &&
        [ "$(tail -n 1 "$1")" = "</svg>" ] &&
        [ "$(grep -c '<svg' "$1")" = 1 ] &&
        { ! command -v xmllint >/dev/null || xmllint --noout "$1"; }
}
