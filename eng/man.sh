#!/usr/bin/env bash
# Makes the man pages of the pages in docs/, so that there is one source of both. Usage: eng/man.sh OUTPUT_DIRECTORY
# Needs lowdown (Debian: lowdown).
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:?usage: eng/man.sh OUTPUT_DIRECTORY}
mkdir -p "$output"
version=$(sed -nE 's#.*<Version>(.*)</Version>.*#\1#p' Directory.Build.props)
stamp=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}" +%Y-%m-%d)

# section FILE HEADING...: the sections of a page with these second-level headings, in their order, as sections of the man page.
section() {
  local file=$1 heading
  shift
  for heading in "$@"; do
    awk -v want="## $heading" '
      /^## / { inside = ($0 == want) }
      inside { print }
    ' "$file"
    echo
  done
}

# links: what leads to other pages is text in a man page, and the bars in tables of code are no columns.
links() {
  sed -E 's/\[([^]]*)\]\(([^)]*)\)/\1/g; s/\\\|/｜/g'
}

# definitions: a table is a list of terms, each with what is said of it: a man page is narrow.
definitions() {
  awk '
    /^\| --- / { next }
    /^\| / {
      getline following
      if (following ~ /^\| --- /) { print ""; next }
      row($0)
      while (following ~ /^\| / && following !~ /^\| --- /) { row(following); if ((getline following) <= 0) exit }
      print following
      next
    }
    { print }
    function row(line,   cells, n, i, term, text) {
      sub(/^\| */, "", line); sub(/ *\|$/, "", line)
      n = split(line, cells, / +\| +/)
      term = cells[1]; i = 2
      if (term == "" || term ~ /^\|/) { sub(/^\| */, "", term); if (term == "") { term = cells[2]; i = 3 } }
      text = cells[i]
      for (i++; i <= n; i++) text = text "; " cells[i]
      printf "%s\n\n: %s\n\n", term, text
    }
  '
}

# page NAME SECTION SUMMARY: standard input as a man page. Headings go one level up: a man page has no title of its own in the text.
page() {
  local name=$1 number=$2 summary=$3
  {
    printf '# NAME\n\n%s - %s\n\n' "$name" "$summary"
    sed -E 's/^## (.*)/# \U\1/; s/^### /## /; s/^#### /### /' | links | definitions
    printf '\n# SEE ALSO\n\n'
    printf '%s\n' 'vhostnetd(8), vhostnetd.json(5), vhostnetctl(1)'
  } | lowdown -s -Tman --parse-no-intraemph -M "title=$name" -M "section=$number" -M "date=$stamp" -M "source=VhostNet $version" -M 'volume=VhostNet' \
    | sed -e 's/｜/|/g' -e 's/…/.../g' >"$output/$name.$number"
}

{
  printf '## Synopsis\n\n`vhostnetd --socket-path PATH [--uplink KIND] [OPTION...]`\n\n`vhostnetd --config FILE [--check-config]`\n\n'
  section docs/operating.md 'Quick form' 'Exit codes' 'As a systemd service' 'Guests' 'Control API' 'Live change' 'Quotas' 'Sizing' 'Troubleshooting'
} | page vhostnetd 8 'network of virtual machines, a vhost-user back end'
section docs/operating.md 'Configuration file' 'Uplink kinds' | page vhostnetd.json 5 'configuration of vhostnetd'
{
  printf '## Synopsis\n\n`vhostnetctl [--socket PATH] [--json] COMMAND [ARGUMENT...]`\n\n'
  sed -n '3,/^## Commands/p' docs/vhostnetctl.md | sed '$d' | sed '1i ## Description\n'
  section docs/vhostnetctl.md 'Commands' 'Options' 'Exit codes' 'run'
} | page vhostnetctl 1 'shows and changes what vhostnetd does'
