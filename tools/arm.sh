#!/usr/bin/env bash
# gluonkit on ARM, as far as it can be seen without one: Debian for arm64 in a folder, its programs run by QEMU, and
# tests in it. Needs root, 3 GB, and hours for all tests. On an ARM machine `make test` does it.
#   tools/arm.sh FOLDER [TESTS...]     TESTS are arguments for pytest; by default a selection
# FOLDER keeps the system for the next run. FOLDER.md gets the table of what was seen, FOLDER.txt all that pytest said.
# LIMIT=SECONDS ends a module of tests; QEMU_CPU=a64fx imitates another processor, MIRROR=URL names Debian's.
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

inside() {
  nice chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    OMP_WAIT_POLICY=passive QEMU_CPU="${QEMU_CPU:-neoverse-n1}" PYTHONPATH=/src:/site "$@"
}
if [ ! -e "$root/.installed" ]; then
  nice debootstrap --arch=arm64 --variant=minbase --foreign --include=python3,libgomp1 bookworm "$root" ${MIRROR:-}
  inside /debootstrap/debootstrap --second-stage
  touch "$root/.installed"
fi
# This machine's pip fetches and unpacks wheels for that machine: what needs no emulation is not emulated.
if [ ! -e "$root/site/.complete" ]; then
  rm -rf "$root/site"
  platforms=()
  for glibc in 2014 _2_17 _2_24 _2_26 _2_27 _2_28 _2_31 _2_34; do platforms+=(--platform "manylinux${glibc}_aarch64"); done
  python3 -m pip install -q --target "$root/site" --no-compile --only-binary=:all: --implementation cp \
    --python-version 3.11 "${platforms[@]}" mxnet==1.9.1 scipy-openblas32 "numpy<2" looseversion rich pytest \
    pytest-xdist hypothesis safetensors pillow scikit-learn matplotlib onnx onnxruntime
  touch "$root/site/.complete"
fi
for there in proc sys; do mountpoint -q "$root/$there" || mount --bind /$there "$root/$there"; done
mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
mountpoint -q "$root/dev/shm" || mount -t tmpfs shm "$root/dev/shm"
trap 'umount "$root/dev/shm" "$root/dev" "$root/sys" "$root/proc"' EXIT
rm -rf "$root/src" && mkdir "$root/src"
(cd "$here" && git ls-files -z | tar --null -T - -c) | tar -x -C "$root/src"

# The doctor waits five minutes for an import; the first one, which compiles all sources, takes longer.
inside python3 -c 'import gluonkit'
inside sh -c 'cd /src && exec python3 -m _gluonkit_command doctor' || true
[ $# -gt 0 ] || set -- tests/test_every_model.py tests/test_blas.py tests/test_cpu.py tests/test_plain.py \
  tests/test_checkpoint.py tests/test_step.py tests/test_fit.py tests/test_compile.py tests/test_export.py \
  tests/test_memory.py tests/test_files.py tests/test_models.py tests/test_summary.py tests/test_zoo_mxnet.py
: >"$root.txt"
printf '| tests | passed | failed | skipped | ended |\n|---|---|---|---|---|\n' | tee "$root.md"
for tests in "$@"; do
  status=0
  inside sh -c "cd /src && exec timeout ${LIMIT:-7200} python3 -m pytest -v -p no:cacheprovider -o testpaths=tests '$tests'" \
    >"$root.last" 2>&1 || status=$?
  cat "$root.last" >>"$root.txt"
  count() { grep -c "^tests/.* $1 " "$root.last" || true; }
  ended=by\ itself
  if [ $status = 124 ]; then ended="after ${LIMIT:-7200} s"; fi
  printf '| `%s` | %s | %s | %s | %s |\n' "$tests" "$(count PASSED)" "$(count FAILED)" "$(count SKIPPED)" "$ended" |
    tee -a "$root.md"
done
