#!/usr/bin/env bash
# What a new user does: installs the template, makes a project in a folder, and builds it against the packages of artifacts/packages. The program is FOLDER/out/NAME then.
# Usage: eng/template-try.sh FOLDER
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/eng/dotnet.sh"
folder=${1:?a folder for the project is needed}
name=$(basename "$folder")

# A home of its own, so that nobody's installed templates change.
export DOTNET_CLI_HOME=$folder.home
mkdir -p "$DOTNET_CLI_HOME"
dotnet new install "$top/eng/template"
dotnet new vhost-user-device --name "$name" --output "$folder"
cat >"$folder/nuget.config" <<EOF
<configuration>
  <config><add key="globalPackagesFolder" value="$top/artifacts/samples-packages" /></config>
  <packageSources><add key="local" value="$top/artifacts/packages" /></packageSources>
</configuration>
EOF
dotnet build "$folder" --configuration Release --output "$folder/out"
