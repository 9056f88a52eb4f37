# One image for worker, API and command line. Nothing in it runs as root, and the root may be read-only: all that
# changes lies in /data and /tmp.
#
# PYTHON_IMAGE     Python 3.11 or newer with venv
# TERRAFORM_IMAGE  holds bin/terraform; its licence restricts competing hosted services, so build it into your own
#                  image only (any image or imported folder will do, also one with OpenTofu's binary of that name)
# providers/       an unpacked provider mirror, filled before the build; without it only the sandbox can be deployed
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG TERRAFORM_IMAGE=hashicorp/terraform:1.11.4

FROM ${TERRAFORM_IMAGE} AS terraform

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
RUN python3 -m venv /opt/anava && /opt/anava/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
# What builds the wheel, at the versions and hashes of the lock, in a place of its own.
RUN sed -nE '/^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r build.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/anava/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/anava/bin/python -m compileall -q /opt/anava/lib

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 anava && useradd --uid 10001 --gid anava --no-create-home --home-dir /data anava \
    && install --directory --owner=anava --group=anava --mode=0700 /data
COPY --from=terraform /bin/terraform /usr/local/bin/terraform
COPY --from=build /opt/anava /opt/anava
COPY providers /opt/providers
ENV PATH=/opt/anava/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    ANAVA_DATA_DIR=/data \
    ANAVA_TERRAFORM__BINARY=/usr/local/bin/terraform \
    ANAVA_TERRAFORM__MIRROR=/opt/providers
USER anava
WORKDIR /data
VOLUME /data
# The supervisor is pid 1: when the worker below it dies, terraform goes on and the next worker adopts it.
ENTRYPOINT ["anava"]
CMD ["worker", "--supervise"]
