#!/usr/bin/env bash
# Publishes the daemon to out/vhostnetd and its operator's tool to out/vhostnetctl: each one file of native code that needs no .NET where it is copied to.
# Usage: ./build.sh [--rid linux-x64|linux-arm64] [--isa x86-64-v3|x86-64-v4] [--jit]
#   --rid RID   for another machine than this one; the files are then out/vhostnetd-RID and out/vhostnetctl-RID
#   --isa ISA   for processors of this kind and better only, which is faster with short frames (docs/performance/native.md); the files are then out/vhostnetd-ISA and so on
#   --jit       compiled when it runs, as for debugging and profiling with the runtime's tools; the file is then out/vhostnetd-jit
set -euo pipefail
cd "$(dirname "$0")"
. eng/dotnet.sh

case "$(uname -m)" in
  x86_64) native=linux-x64 ;;
  aarch64) native=linux-arm64 ;;
  *) echo "build.sh: no runtime for $(uname -m); x86_64 and aarch64 are known" >&2; exit 1 ;;
esac
rid=$native kind=aot isa=
while [ $# -gt 0 ]; do
  case "$1" in
    --jit) kind=jit ;;
    --rid) rid=${2:-}; shift ;;
    --isa) isa=${2:-}; shift ;;
    *) echo "build.sh: unknown option '$1'; known: --rid RID, --isa ISA and --jit" >&2; exit 2 ;;
  esac
  shift || true
done
case "$rid" in
  linux-x64) tools=x86_64-linux-gnu ;;
  linux-arm64) tools=aarch64-linux-gnu ;;
  *) echo "build.sh: --rid '$rid': unknown; linux-x64 and linux-arm64 are known" >&2; exit 2 ;;
esac

case "$isa/$rid/$kind" in
  /* | x86-64-v3/linux-x64/aot | x86-64-v4/linux-x64/aot) ;;
  *) echo "build.sh: --isa '$isa': x86-64-v3 and x86-64-v4 are known, for native code of linux-x64" >&2; exit 2 ;;
esac

suffix=
[ -z "$isa" ] || suffix+=-$isa
[ "$rid" = "$native" ] || suffix+=-$rid
[ "$kind" = aot ] || suffix+=-jit
if [ "$kind" = jit ]; then
  how=(--self-contained true -p:PublishAot=false -p:PublishSingleFile=true -p:PublishReadyToRun=true -p:PublishReadyToRunComposite=false -p:DebugType=embedded)
else
  how=(-p:PublishAot=true ${isa:+-p:IlcInstructionSet=$isa})
  # Debian's cross compiler comes with libraries but without a linker that clang would find: lld knows all machines.
  [ "$rid" = "$native" ] || how+=(-p:CppCompilerAndLinker=clang -p:LinkerFlavor=lld "-p:ObjCopyName=$tools-objcopy")
fi

mkdir -p artifacts/log out

# publish PROJECT NAME: a rename, so that a daemon that runs from the old file is not disturbed. Names for a debugger stay in the directory that was published to (NAME.dbg).
publish() {
  local project=$1 name=$2$suffix directory=artifacts/publish/$rid-$kind$isa/$2
  quietly "artifacts/log/publish-$rid-$kind$isa-$2.log" dotnet publish "$project" --configuration Release --runtime "$rid" "${how[@]}" --output "$directory"
  install -m 755 "$directory/$2" "out/.$name.new"
  mv -f "out/.$name.new" "out/$name"
  echo "out/$name: $(stat -c %s "out/$name" | numfmt --to=si) for $rid"
}

publish src/Daemon/VhostNet.Daemon.csproj vhostnetd
publish src/Ctl/VhostNet.Ctl.csproj vhostnetctl
