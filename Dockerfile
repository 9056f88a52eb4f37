# The image of API, worker and command line. No process runs as root, and the root file system may be read-only: all
# writes go to /data and /tmp.
#
# PYTHON_IMAGE     Python 3.11 or newer with venv
# TERRAFORM_IMAGE  contains bin/terraform; the licence restricts competing hosted services, so build the binary into
#                  your own image only (an imported folder is enough, also with OpenTofu's binary under that name)
# container/wheels/     Python packages, as `pip download` writes them
# container/providers/  an unpacked provider mirror
#
# A folder with content replaces the download; an empty folder is filled from the network.
ARG PYTHON_IMAGE=python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7
ARG TERRAFORM_IMAGE=hashicorp/terraform:1.11.4@sha256:5820b87995595425074f881500a037b0ccd41158d0d9b44d78f5f120612f2d3d

FROM ${TERRAFORM_IMAGE} AS terraform

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY container/wheels /wheels
RUN if ls /wheels/*.whl >/dev/null 2>&1; then printf '[install]\nno-index = true\nfind-links = /wheels\n' > /etc/pip.conf; fi
COPY requirements.lock requirements-dev.lock ./
RUN python3 -m venv /opt/anava && /opt/anava/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
# Build tools of the wheel, at the versions and hashes of the lock, in a separate environment.
RUN sed -nE '/^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r build.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /built . \
    && /opt/anava/bin/pip install --no-cache-dir --no-deps /built/*.whl \
    && /opt/anava/bin/python -m compileall -q /opt/anava/lib

# Providers of the templates, unpacked: init links to them; a packed mirror costs 675 MB per deployment (measured).
# init also checks a supplied mirror: a template without a provider fails here, not at a customer.
FROM build AS mirror
COPY --from=terraform /bin/terraform /usr/local/bin/terraform
RUN set -eu; cd /src/terraform; export CHECKPOINT_DISABLE=1 TF_CLI_CONFIG_FILE=/tmp/terraform.tfrc; \
    given=$(find /src/container/providers -name 'terraform-provider-*' | head -n 1); \
    if [ -n "$given" ]; then echo 'provider_installation { filesystem_mirror { path = "/src/container/providers" } }'; fi > "$TF_CLI_CONFIG_FILE"; \
    for template in $(/opt/anava/bin/python -c 'from deployments.templates import TEMPLATES; print(*TEMPLATES)'); do \
        if [ -d "$template" ]; then \
            terraform -chdir="$template" init -backend=false -input=false -no-color; \
            if [ -z "$given" ] && [ -d "$template/.terraform/providers" ]; then cp -R "$template/.terraform/providers/." /src/container/providers; fi; \
        fi; \
    done

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 anava && useradd --uid 10001 --gid anava --no-create-home --home-dir /data anava \
    && install --directory --owner=anava --group=anava --mode=0700 /data /secrets
COPY --from=terraform /bin/terraform /usr/local/bin/terraform
COPY --from=build /opt/anava /opt/anava
COPY --from=mirror /src/container/providers /opt/providers
ENV PATH=/opt/anava/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    ANAVA_DATA_DIR=/data \
    ANAVA_TERRAFORM__BINARY=/usr/local/bin/terraform \
    ANAVA_TERRAFORM__MIRROR=/opt/providers
USER anava
WORKDIR /data
VOLUME /data
# Pid 1 restarts the worker: when the worker dies, terraform continues and the next worker re-attaches to it.
ENTRYPOINT ["anava"]
CMD ["worker", "--restart"]
