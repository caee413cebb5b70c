# gluonkit in a small image, for a user without rights:
#   docker build -t gluonkit .
#   docker build -t gluonkit --build-arg PYTHON=3.13 --build-arg EXTRAS=data,plot,onnx .
#   docker run --rm -it gluonkit gluonkit train lenet --data digits
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

# The compiler's runtimes, which MXNet's library needs and slim images lack. ARM has no libquadmath, and
# needs none.
RUN runtimes="libgomp1 libquadmath0" \
 && if [ "$(dpkg --print-architecture)" = arm64 ]; then runtimes=libgomp1; fi \
 && apt-get update \
 && apt-get install -y --no-install-recommends $runtimes \
 && rm -rf /var/lib/apt/lists/*

# On Python 3.13 and later the second line installs MXNet, which pip may not; on others it only looks.
ARG EXTRAS=data,plot
COPY . /tmp/gluonkit
RUN pip install --no-cache-dir "/tmp/gluonkit[${EXTRAS}]" \
 && PIP_NO_CACHE_DIR=1 gluonkit doctor --fix --yes \
 && rm -rf /tmp/gluonkit

RUN useradd --create-home gluonkit
USER gluonkit
WORKDIR /home/gluonkit

# Ends with 1 where MXNet does not work.
HEALTHCHECK --interval=5m --timeout=2m CMD ["gluonkit", "doctor"]
CMD ["gluonkit", "doctor"]
