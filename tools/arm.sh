#!/usr/bin/env bash
# gluonkit on ARM, as far as it can be seen without one: Debian for arm64 in a folder, every program in it run by
# QEMU, and the tests of TESTS there. Root, some 3 GB, and an hour or more. On an ARM machine: `make test`.
#   tools/arm.sh FOLDER [TESTS...]
# FOLDER keeps the system between runs; remove it (when nothing is mounted below it) to begin anew. RESULTS=FILE
# names the file for the table (by default FOLDER.md).
set -euo pipefail
root=${1:?the folder for the system} && shift
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root" && root=$(cd "$root" && pwd)
results=${RESULTS:-$root.md}
mirror=${MIRROR:-$(sed -n 's/^URIs: //p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)}

stop() { echo "make arm: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || stop "needs root, for chroot and binfmt_misc"
if ! command -v qemu-aarch64-static debootstrap >/dev/null; then
  apt-get install -y -q qemu-user-static debootstrap >/dev/null || stop "could not install qemu-user-static and debootstrap"
fi

# The kernel starts QEMU for programs of this kind by itself; F: opened now, so that a chroot needs no copy.
formats=/proc/sys/fs/binfmt_misc
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats || stop "binfmt_misc cannot be mounted here"
if [ ! -e $formats/qemu-aarch64 ]; then
  printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':OCF' >$formats/register
fi

inside() { nice chroot "$root" /usr/bin/env -i PATH=/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  OMP_WAIT_POLICY=passive "$@"; }
if [ ! -e "$root/.installed" ]; then
  rm -rf "${root:?}"/*
  debootstrap --arch=arm64 --variant=minbase --foreign --include=python3,python3-venv,libgomp1 bookworm "$root" "$mirror"
  inside /debootstrap/debootstrap --second-stage
  touch "$root/.installed"
fi
mounted() { mountpoint -q "$root/$1"; }
mounted proc || mount -t proc proc "$root/proc"
mounted dev || mount --bind /dev "$root/dev"
mounted dev/shm || mount -t tmpfs shm "$root/dev/shm"
trap 'umount "$root/dev/shm" "$root/dev" "$root/proc"' EXIT

# This machine's pip downloads, as only it may reach an index; the system inside installs from a folder.
wheels="$root/wheels"
if [ ! -e "$wheels/.complete" ]; then
  platforms=(manylinux2014_aarch64 manylinux_2_17_aarch64 manylinux_2_24_aarch64 manylinux_2_26_aarch64
    manylinux_2_27_aarch64 manylinux_2_28_aarch64 manylinux_2_31_aarch64 manylinux_2_34_aarch64)
  python3 -m pip download -q --dest "$wheels" --only-binary=:all: --python-version 3.11 --implementation cp \
    "${platforms[@]/#/--platform=}" pip setuptools wheel "mxnet==1.9.1" scipy-openblas32 "numpy<2" looseversion rich \
    pytest pytest-xdist hypothesis safetensors pillow scikit-learn matplotlib onnx onnxruntime
  touch "$wheels/.complete"
fi
if [ ! -e "$root/venv/.complete" ]; then
  inside python3 -m venv /venv
  inside pip install -q --no-index --find-links /wheels --upgrade pip setuptools wheel
  inside pip install -q --no-index --find-links /wheels $(ls "$wheels" | sed -n 's/^\([A-Za-z0-9_.]*\)-.*/\1/p')
  touch "$root/venv/.complete"
fi

# The sources as they are here, tests included; gluonkit is imported from there.
rm -rf "$root/src" && mkdir "$root/src"
(cd "$here" && git ls-files -z | tar --null -T - -c) | tar -x -C "$root/src"
run() { inside PYTHONPATH=/src QEMU_CPU="${QEMU_CPU:-neoverse-n1}" "$@"; }
run sh -c 'cd /src && python -m _gluonkit_command doctor' | tee "$root/doctor.txt"

tests=("$@")
if [ ${#tests[@]} = 0 ]; then
  tests=(test_every_model test_blas test_cpu test_openmp test_plain test_compat test_memory test_step test_fit
    test_checkpoint test_files test_convert test_export test_export_operators test_compile test_choosing test_graph
    test_layouts test_backward test_gradients test_summary test_trace test_params test_loader test_datasets test_models)
fi
printf '| tests | passed | failed | skipped | minutes |\n|---|---|---|---|---|\n' >"$results"
for name in "${tests[@]}"; do
  name=${name#tests/} name=${name%.py}
  [ -e "$here/tests/${name%%::*}.py" ] || continue
  begin=$SECONDS
  run sh -c "cd /src && timeout ${LIMIT:-3600} python -m pytest -q -p no:cacheprovider -o testpaths=tests -n ${JOBS:-2} tests/${name/.py/}.py" \
    >"$root/${name%%::*}.log" 2>&1 || true
  last=$(tail -n 1 "$root/${name%%::*}.log")
  count() { sed -n "s/.*\b\([0-9]\+\) $1.*/\1/p" <<<"$last"; }
  printf '| `%s` | %s | %s | %s | %s |\n' "$name" "$(count passed)" "$(count failed)" "$(count skipped)" \
    "$(((SECONDS - begin + 30) / 60))" | tee -a "$results"
done
