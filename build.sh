#!/usr/bin/env bash
# Publishes the daemon to out/vhostnetd: one self-contained, ahead-of-time compiled file that needs no .NET where it is copied to.
# Usage: ./build.sh
set -euo pipefail
cd "$(dirname "$0")"
. eng/dotnet.sh

case "$(uname -m)" in
  x86_64) rid=linux-x64 ;;
  aarch64) rid=linux-arm64 ;;
  *) echo "build.sh: no runtime for $(uname -m); x86_64 and aarch64 are known" >&2; exit 1 ;;
esac

mkdir -p artifacts/log out
quietly artifacts/log/publish.log dotnet publish src/Daemon/VhostNet.Daemon.csproj --configuration Release --runtime "$rid" \
  --self-contained true -p:PublishSingleFile=true -p:PublishReadyToRun=true -p:PublishReadyToRunComposite=false -p:DebugType=embedded --output "artifacts/publish/$rid"

# A rename, so that a daemon that runs from the old file is not disturbed.
install -m 755 "artifacts/publish/$rid/vhostnetd" out/.vhostnetd.new
mv -f out/.vhostnetd.new out/vhostnetd
echo "out/vhostnetd: $(stat -c %s out/vhostnetd | numfmt --to=iec) for $rid"
