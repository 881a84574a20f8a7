# For shell tests that count: expect WANTED COMMAND… (what it prints holds WANTED, and it ends well), fail TEXT, counted
# (the total, last).
# shellcheck shell=sh
passed=0

fail() {
  printf '%s\n%s passed, 1 failed\n' "$*" $passed
  exit 1
}

expect() {
  wanted=$1
  shift
  said=$("$@" 2>&1) || fail "$* ended with status $?: $said"
  case $said in
    *"$wanted"*) passed=$((passed + 1)) ;;
    *) fail "$*: expected \"$wanted\", got: $said" ;;
  esac
}

counted() {
  printf '%s passed, 0 failed\n' $passed
}
