#!/usr/bin/env bash
# gluonkit on ARM, as far as it can be seen without one: Debian for arm64 in a folder, its programs run by QEMU, and
# tests in it. Needs root, 3 GB, and up to an hour. On an ARM machine `make test` does it.
#   tools/arm.sh FOLDER [TESTS...]     TESTS are arguments for pytest; by default what tools/arm.txt lists
# FOLDER keeps the system for the next run. FOLDER.md gets the table of what was seen, FOLDER.txt all that was said.
# LIMIT=SECONDS ends the tests; QEMU_CPU=a64fx imitates another processor, MIRROR=URL names Debian's; WORKERS=4 runs
# four tests at once, not two, each in a process that may crash; THREADS=2 gives a process two threads. It ends with 1
# where a test fails, with 124 at LIMIT.
set -euo pipefail
root=${1:?name the folder for the system} && shift
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root" && root=$(cd "$root" && pwd)
stop() { echo "make arm: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || stop "needs root, for chroot and binfmt_misc"
for program in qemu-aarch64-static debootstrap; do
  command -v $program >/dev/null || stop "apt-get install qemu-user-static debootstrap, then again"
done
# With F the kernel opens QEMU now, so that the system inside needs no copy of it.
formats=/proc/sys/fs/binfmt_misc
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats || stop "binfmt_misc cannot be mounted here"
[ -e $formats/qemu-aarch64 ] || printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':OCF' >$formats/register

cpu=${QEMU_CPU:-neoverse-n1}
inside() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    OMP_WAIT_POLICY=passive QEMU_CPU="$cpu" PYTHONPATH=/src:/site "$@"
}
compiled() { # sources under a folder, by a Python 3.11 of this machine, which takes seconds where QEMU takes minutes
  if command -v python3.11 >/dev/null; then python3.11 -m compileall -q -s "$root" "$1" >/dev/null || true; fi
}
# `import onnxruntime` of 1.32.0 is a segmentation fault under QEMU 7.2, whichever processor it imitates; of 1.24.1 not.
onnxruntime=onnxruntime==1.20.1
# This machine's pip fetches and unpacks wheels for that machine: what needs no emulation is not emulated.
wheels() {
  [ ! -e "$root/site/.complete" ] || return 0
  rm -rf "$root/site"
  local platforms=() glibc
  for glibc in 2014 _2_17 _2_24 _2_26 _2_27 _2_28 _2_31 _2_34; do platforms+=(--platform "manylinux${glibc}_aarch64"); done
  python3 -m pip install -q --target "$root/site" --no-compile --only-binary=:all: --implementation cp \
    --python-version 3.11 "${platforms[@]}" mxnet==1.9.1 scipy-openblas32 "numpy<2" looseversion rich pytest \
    pytest-xdist hypothesis safetensors pillow scikit-learn matplotlib onnx "$onnxruntime"
  compiled "$root/site"
  touch "$root/site/.complete"
}
if [ ! -e "$root/.installed" ]; then
  debootstrap --arch=arm64 --variant=minbase --foreign --include=python3,libgomp1 bookworm "$root" ${MIRROR:-}
  wheels &
  # The second stage, in Perl, goes through the list of all packages for each that it installs: let it be short.
  wanted=$(cat "$root"/debootstrap/{required,base})
  for list in "$root"/var/lib/apt/lists/*_Packages; do
    awk -v "names=$(echo $wanted)" 'BEGIN { RS = ""; ORS = "\n\n"; n = split(names, name, " "); for (i = 1; i <= n; i++) in_it[name[i]] }
      /^Package: / && $2 in in_it' "$list" >"$list.short"
    mv "$list.short" "$list"
  done
  inside /debootstrap/debootstrap --second-stage
  wait $!
  touch "$root/.installed"
fi
wheels
for there in proc sys; do mountpoint -q "$root/$there" || mount --bind /$there "$root/$there"; done
mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
mountpoint -q "$root/dev/shm" || mount -t tmpfs shm "$root/dev/shm"
trap 'for there in dev/shm dev sys proc; do umount "$root/$there" || true; done' EXIT
rm -rf "$root/src" && mkdir "$root/src"
commit=$(git -C "$here" rev-parse --short HEAD)
(cd "$here" && git ls-files -z | tar --null -T - -c) | tar -x -C "$root/src"
compiled "$root/src"

# In the list a line that begins with # names a row of the table; those below it are pytest's arguments.
if [ $# = 0 ]; then
  cp "$here/tools/arm.txt" "$root.list"
else
  for tests in "$@"; do printf '# `%s`\n%s\n' "$tests" "$tests"; done >"$root.list"
fi
mapfile -t tests < <(grep -v -e '^#' -e '^$' "$root.list")

status=0
inside OMP_NUM_THREADS="${THREADS:-1}" sh -c 'cd /src && exec timeout "$@"' sh "${LIMIT:-7200}" \
  python3 -m pytest -v -n "${WORKERS:-2}" --durations=40 -p no:cacheprovider -o testpaths=tests "${tests[@]}" 2>&1 |
  tee "$root.txt" || status=$?
said=$(tail -n 1 "$root.txt")
inside sh -c 'cd /src && exec python3 -m _gluonkit_command doctor' 2>&1 | tee -a "$root.txt" || true

{
  printf '%s, commit %s, %s imitating %s:\n%s\n\n' "$(date +%F)" "$commit" \
    "$(qemu-aarch64-static --version | head -n 1)" "$cpu" "$said"
  printf '| tests | passed | failed | skipped |\n|---|---|---|---|\n'
  # Of each test a line counts, "[gw0] [  3%] PASSED tests/..." by a worker, else "tests/... PASSED [  3%]", for the
  # row with whose argument the test's name begins.
  awk 'NR == FNR { if (/^# /) title[++rows] = substr($0, 3); else if (NF) { wanted[++n] = $0; row[n] = rows }; next }
    { name = "" }
    /^\[gw[0-9]+\] / && match($0, /(PASSED|FAILED|ERROR|SKIPPED) tests\//) {
      name = substr($0, RSTART + RLENGTH - 6); outcome = substr($0, RSTART, RLENGTH - 7)
    }
    /^tests\// && match($0, / (PASSED|FAILED|ERROR|SKIPPED) .*\[ *[0-9]+%\]$/) {
      name = substr($0, 1, RSTART - 1); outcome = substr($0, RSTART + 1); sub(/ .*/, "", outcome)
    }
    name != "" {
      if (outcome == "ERROR") outcome = "FAILED"
      for (i = 1; i <= n; i++)
        if (index(name, wanted[i]) == 1 && index(" [:", substr(name " ", length(wanted[i]) + 1, 1))) {
          count[row[i], outcome]++; break
        }
    }
    END { for (i = 1; i <= rows; i++)
      printf "| %s | %d | %d | %d |\n", title[i], count[i, "PASSED"], count[i, "FAILED"], count[i, "SKIPPED"] }' \
    "$root.list" "$root.txt"
} | tee "$root.md"
exit $status
